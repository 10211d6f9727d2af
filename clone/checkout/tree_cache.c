/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes in the order of the walk, so that a parent is before its children.
 */
#include "clone/checkout/tree_cache.h"

#include <stdlib.h>

#define NODES_MAX 262144u
#define DEPTH_MAX 2048u /* tree_check allows fewer */

struct cached_tree {
	uint8_t id[TREE_CACHE_ID_BYTES];
	uint32_t parent;
	uint32_t files;	  /* number of entries below it */
	uint32_t folders; /* in it, that hold files */
	uint32_t first;	  /* of its children in the sorted order */
	uint32_t name_at, name_len;
	/* git would write another tree, for example because of an empty folder, which an index
	 * can't express. */
	bool is_invalid;
};

struct tree_cache {
	struct cached_tree *nodes;
	uint32_t count, size;
	uint32_t path[DEPTH_MAX]; /* nodes from the root to the current folder */
	struct buf names;
	uint32_t *sorted; /* by parent, then as git orders them */
	bool failed;
};

static struct str
name_of(const struct tree_cache *c, const struct cached_tree *n)
{
	return (struct str){c->names.data + n->name_at, n->name_len};
}

static void
add_node(struct tree_cache *c, uint32_t parent, struct str name, const uint8_t *id)
{
	struct cached_tree *n;

	if (c->count == c->size) {
		uint32_t larger = c->size == 0 ? 64 : 2 * c->size;
		void *grown = larger > NODES_MAX
				      ? NULL
				      : reallocarray(c->nodes, larger, sizeof(*c->nodes));

		if (grown == NULL) {
			c->failed = true;
			return;
		}
		c->nodes = grown;
		c->size = larger;
	}
	n = &c->nodes[c->count++];
	*n = (struct cached_tree){.parent = parent,
				  .name_at = (uint32_t)c->names.len,
				  .name_len = (uint32_t)name.len,
				  .is_invalid = id == NULL};
	if (id != NULL)
		memcpy(n->id, id, sizeof(n->id));
	c->failed = !buf_add_str(&c->names, name) || c->failed;
}

struct tree_cache *
tree_cache_new(const uint8_t *id)
{
	struct tree_cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	buf_init(&c->names, TREE_CACHE_MAX_BYTES);
	add_node(c, 0, STR_NONE, id);
	return c;
}

void
tree_cache_free(struct tree_cache *c)
{
	if (c == NULL)
		return;
	free(c->nodes);
	free(c->sorted);
	buf_fini(&c->names);
	free(c);
}

static size_t
depth_of(const char *folder)
{
	size_t depth = 0;

	while ((folder = strchr(folder, '/')) != NULL) {
		folder++;
		depth++;
	}
	return depth;
}

void
tree_cache_add_folder(struct tree_cache *c, const char *folder, const char *name, const uint8_t *id)
{
	size_t depth = depth_of(folder);

	c->failed = c->failed || depth + 1 >= DEPTH_MAX;
	if (c->failed)
		return;
	add_node(c, c->path[depth], str_from(name), id);
	c->path[depth + 1] = c->count - 1;
}

void
tree_cache_add_file(struct tree_cache *c, const char *folder)
{
	if (!c->failed)
		c->nodes[c->path[depth_of(folder)]].files++;
}

/* git orders the folders of a folder by the length of their names first. */
static int
compare(const void *a, const void *b, void *arg)
{
	const struct tree_cache *c = arg;
	const struct cached_tree *x = &c->nodes[*(const uint32_t *)a];
	const struct cached_tree *y = &c->nodes[*(const uint32_t *)b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->name_len != y->name_len)
		return x->name_len < y->name_len ? -1 : 1;
	return memcmp(name_of(c, x).data, name_of(c, y).data, x->name_len);
}

/* Sums counts from the leaves to the root, and finds the children of each node. */
static bool
sort(struct tree_cache *c)
{
	uint32_t kept = 0;

	c->sorted = reallocarray(NULL, c->count, sizeof(*c->sorted));
	if (c->sorted == NULL)
		return false;
	for (uint32_t i = c->count - 1; i > 0; i--) {
		const struct cached_tree *n = &c->nodes[i];
		struct cached_tree *parent = &c->nodes[n->parent];

		parent->files += n->files;
		parent->folders += n->files > 0;
		parent->is_invalid = parent->is_invalid || n->is_invalid || n->files == 0;
	}
	for (uint32_t i = 1; i < c->count; i++) {
		if (c->nodes[i].files > 0)
			c->sorted[kept++] = i;
	}
	qsort_r(c->sorted, kept, sizeof(*c->sorted), compare, c);
	for (uint32_t i = kept; i-- > 0;)
		c->nodes[c->nodes[c->sorted[i]].parent].first = i;
	return true;
}

static void
add_one(const struct tree_cache *c, const struct cached_tree *n, struct buf *out)
{
	buf_add_str(out, name_of(c, n));
	buf_add_byte(out, '\0');
	if (n->is_invalid)
		buf_addf(out, "-1 %u\n", n->folders);
	else
		buf_addf(out, "%u %u\n", n->files, n->folders);
	if (!n->is_invalid)
		buf_add(out, n->id, sizeof(n->id));
}

bool
tree_cache_write(struct tree_cache *c, struct buf *out)
{
	/* Position among the children of each node from the root to the current one. */
	uint32_t at[DEPTH_MAX] = {0};
	size_t depth = 0;

	if (c->failed || c->sorted != NULL || !sort(c))
		return false;
	c->path[0] = 0;
	add_one(c, &c->nodes[0], out);
	for (;;) {
		const struct cached_tree *n = &c->nodes[c->path[depth]];

		if (at[depth] == n->folders) {
			if (depth-- == 0)
				return buf_is_ok(out);
			continue;
		}
		c->path[depth + 1] = c->sorted[n->first + at[depth]++];
		at[++depth] = 0;
		add_one(c, &c->nodes[c->path[depth]], out);
	}
}
