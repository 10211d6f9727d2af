/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of nodes: building, looking up, comparing, and JSON in both directions. Maps are lists as
 * well: Kubernetes objects have few members, and most operations walk all of them.
 */
#include "container/yaml/node.h"

#include <stdlib.h>

void
doc_init(struct doc *d)
{
	*d = (struct doc){.nodes = 0};
	arena_init(&d->arena, DOC_MAX_BYTES);
}

void
doc_fini(struct doc *d)
{
	arena_fini(&d->arena);
}

static struct node *
placeholder(struct doc *d)
{
	d->failed = true;
	d->sink = (struct node){.kind = NODE_NULL};
	STAILQ_INIT(&d->sink.children);
	return &d->sink;
}

struct node *
node_new(struct doc *d, enum node_kind kind)
{
	struct node *n = d->nodes < NODE_MAX_COUNT ? arena_alloc(&d->arena, sizeof(*n)) : NULL;

	if (n == NULL)
		return placeholder(d);
	d->nodes++;
	n->kind = kind;
	STAILQ_INIT(&n->children);
	return n;
}

static struct str
copy_text(struct doc *d, struct str text)
{
	const char *copy = arena_dup(&d->arena, text);

	if (copy != NULL)
		return (struct str){copy, text.len};
	d->failed = true;
	return STR("");
}

struct node *
node_new_str(struct doc *d, struct str text)
{
	struct node *n = node_new(d, NODE_STR);

	n->text = copy_text(d, text);
	return n;
}

void
node_append(struct node *list, struct node *child)
{
	STAILQ_INSERT_TAIL(&list->children, child, entry);
	list->count++;
}

void
node_prepend(struct node *list, struct node *child)
{
	STAILQ_INSERT_HEAD(&list->children, child, entry);
	list->count++;
}

void
node_add_member(struct doc *d, struct node *map, struct str key, struct node *child)
{
	child->key = copy_text(d, key);
	if (d->failed)
		return; /* the child may be the placeholder, which is on no list */
	node_append(map, child);
}

static void
replace_member(struct node *map, struct node *old, struct node *child)
{
	child->key = old->key;
	STAILQ_INSERT_AFTER(&map->children, old, child, entry);
	STAILQ_REMOVE(&map->children, old, node, entry);
}

void
node_set(struct doc *d, struct node *map, const char *key, struct node *child)
{
	struct node *old = node_get(map, key);

	if (d->failed)
		return;
	if (old != NULL)
		replace_member(map, old, child);
	else
		node_add_member(d, map, str_from(key), child);
}

void
node_unlink(struct node *parent, struct node *child)
{
	STAILQ_REMOVE(&parent->children, child, node, entry);
	parent->count--;
}

void
node_remove(struct node *map, const char *key)
{
	struct node *old = node_get(map, key);

	if (old != NULL)
		node_unlink(map, old);
}

void
node_set_str(struct doc *d, struct node *map, const char *key, struct str text)
{
	node_set(d, map, key, node_new_str(d, text));
}

static struct node *
set_new(struct doc *d, struct node *map, const char *key, enum node_kind kind)
{
	struct node *n = node_new(d, kind);

	node_set(d, map, key, n);
	return n;
}

void
node_set_int(struct doc *d, struct node *map, const char *key, int64_t value)
{
	set_new(d, map, key, NODE_INT)->integer = value;
}

void
node_set_bool(struct doc *d, struct node *map, const char *key, bool value)
{
	set_new(d, map, key, NODE_BOOL)->integer = value;
}

struct node *
node_set_map(struct doc *d, struct node *map, const char *key)
{
	return set_new(d, map, key, NODE_MAP);
}

struct node *
node_set_list(struct doc *d, struct node *map, const char *key)
{
	return set_new(d, map, key, NODE_LIST);
}

struct node *
node_append_map(struct doc *d, struct node *list)
{
	struct node *n = node_new(d, NODE_MAP);

	if (!d->failed)
		node_append(list, n);
	return n;
}

struct node *
node_copy(struct doc *d, const struct node *n)
{
	struct node *copy = node_new(d, n->kind);

	copy->line = n->line;
	copy->text = n->text; /* texts are never changed */
	copy->integer = n->integer;
	copy->real = n->real;
	for (const struct node *c = node_first(n); c != NULL && !d->failed; c = node_next(c)) {
		struct node *child = node_copy(d, c);
		child->key = c->key;
		if (!d->failed)
			node_append(copy, child);
	}
	return copy;
}

bool
node_is(const struct node *n, enum node_kind kind)
{
	return n != NULL && n->kind == kind;
}

bool
node_is_true(const struct node *n)
{
	return node_is(n, NODE_BOOL) && n->integer != 0;
}

struct node *
node_first(const struct node *n)
{
	return n == NULL ? NULL : STAILQ_FIRST(&n->children);
}

struct node *
node_get_str(const struct node *n, struct str key)
{
	if (!node_is(n, NODE_MAP))
		return NULL;
	for (struct node *c = node_first(n); c != NULL; c = node_next(c))
		if (str_equal(c->key, key))
			return c;
	return NULL;
}

struct node *
node_get(const struct node *n, const char *key)
{
	return node_get_str(n, str_from(key));
}

struct node *
node_find(const struct node *n, const char *path)
{
	struct str rest = str_from(path);
	struct node *found = NULL;
	struct str key;

	while (str_next(&rest, '.', &key)) {
		found = node_get_str(n, key);
		n = found;
	}
	return found;
}

struct str
node_text(const struct node *n)
{
	return node_is(n, NODE_STR) ? n->text : STR_NONE;
}

struct str
node_text_at(const struct node *n, const char *path)
{
	return node_text(node_find(n, path));
}

int64_t
node_int_at(const struct node *n, const char *path)
{
	const struct node *found = node_find(n, path);

	return node_is(found, NODE_INT) ? found->integer : -1;
}

struct node *
node_named(const struct node *list, struct str name)
{
	for (struct node *c = node_first(list); c != NULL; c = node_next(c))
		if (node_get(c, "name") != NULL && str_equal(node_text_at(c, "name"), name))
			return c;
	return NULL;
}

static int
compare_keys(const void *a, const void *b)
{
	return str_compare((*(const struct node *const *)a)->key,
			   (*(const struct node *const *)b)->key);
}

static void
sort_members(const struct node *map, const struct node **members)
{
	size_t count = 0;

	for (const struct node *c = node_first(map); c != NULL; c = node_next(c))
		members[count++] = c;
	qsort(members, count, sizeof(const struct node *), compare_keys);
}

/* Compares maps of the same size whose keys have different orders, in n log n time. Out of memory
 * they count as different. */
static bool
equal_members(const struct node *a, const struct node *b)
{
	const struct node **members = calloc(2 * a->count, sizeof(const struct node *));
	bool is_equal = true;

	if (members == NULL)
		return false;
	sort_members(a, members);
	sort_members(b, members + a->count);
	for (size_t i = 0; is_equal && i < a->count; i++)
		is_equal = str_equal(members[i]->key, members[a->count + i]->key) &&
			   node_equal(members[i], members[a->count + i]);
	free(members);
	return is_equal;
}

static bool
equal_children(const struct node *a, const struct node *b)
{
	const struct node *y = node_first(b);

	if (a->count != b->count)
		return false;
	for (const struct node *x = node_first(a); x != NULL; x = node_next(x)) {
		if (a->kind == NODE_MAP && !str_equal(x->key, y->key))
			return equal_members(a, b);
		if (!node_equal(x, y))
			return false;
		y = node_next(y);
	}
	return true;
}

bool
node_equal(const struct node *a, const struct node *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case NODE_NULL:
		return true;
	case NODE_BOOL:
	case NODE_INT:
		return a->integer == b->integer;
	case NODE_REAL:
		return a->real <= b->real && a->real >= b->real;
	case NODE_STR:
		return str_equal(a->text, b->text);
	case NODE_LIST:
	case NODE_MAP:
		return equal_children(a, b);
	}
	return false;
}

static struct node *read_value(struct doc *d, const struct json_node *value, struct err *e);

static struct node *
read_array(struct doc *d, const struct json_node *value, struct err *e)
{
	struct node *n = node_new(d, NODE_LIST);

	for (size_t i = 0; i < json_array_len(value); i++) {
		struct node *child = read_value(d, json_array_at(value, i), e);
		if (child == NULL || d->failed)
			return NULL;
		node_append(n, child);
	}
	return n;
}

static struct node *
read_object(struct doc *d, const struct json_node *value, struct err *e)
{
	struct node *n = node_new(d, NODE_MAP);
	struct json_member m = {.place = NULL};

	while (json_next_member(value, &m)) {
		struct node *child = read_value(d, m.value, e);
		if (child == NULL || d->failed)
			return NULL;
		node_add_member(d, n, m.key, child);
	}
	return n;
}

/* NULL with e set: a string contains a NUL; NULL without e: the document has failed. */
static struct node *
read_value(struct doc *d, const struct json_node *value, struct err *e)
{
	struct node *n = NULL;
	struct str text;
	bool truth = false;

	switch (json_kind_of(value)) {
	case JSON_KIND_OBJECT:
		return read_object(d, value, e);
	case JSON_KIND_ARRAY:
		return read_array(d, value, e);
	case JSON_KIND_STR:
		return json_get_str(value, "", &text, e) ? node_new_str(d, text) : NULL;
	case JSON_KIND_INT:
		n = node_new(d, NODE_INT);
		return json_get_int(value, "", &n->integer, e) ? n : NULL;
	case JSON_KIND_BOOL:
		n = node_new(d, NODE_BOOL);
		if (!json_get_bool(value, "", &truth, e))
			return NULL;
		n->integer = truth;
		return n;
	case JSON_KIND_REAL:
		n = node_new(d, NODE_REAL);
		n->real = json_real_of(value);
		return n;
	case JSON_KIND_NULL:
		break;
	}
	return node_new(d, NODE_NULL);
}

/* Returns the offset of the quote that ends the string at begin. */
static size_t
skip_string(struct str text, size_t begin)
{
	size_t i = begin + 1;

	while (i < text.len && text.data[i] != '"')
		i += text.data[i] == '\\' ? 2 : 1;
	return i;
}

/*
 * Returns an upper bound of the number of values in a JSON text: the root, the first element of
 * each list and map, and one per comma. Checked before parsing, because jansson needs much more
 * memory for an empty map than its two bytes of text.
 */
static size_t
count_values(struct str text)
{
	size_t count = 1;
	bool is_open = false;

	for (size_t i = 0; i < text.len; i++) {
		char ch = text.data[i];
		bool is_start = ch == '[' || ch == '{';
		if (strchr(" \t\r\n", ch) != NULL)
			continue;
		if (ch == ',' || (is_open && ch != ']' && ch != '}'))
			count++;
		is_open = is_start;
		if (ch == '"')
			i = skip_string(text, i);
	}
	return count;
}

struct node *
node_read_json(struct doc *d, struct str text, size_t max_bytes, struct err *e)
{
	struct json_doc *json = NULL;

	if (text.len <= max_bytes && count_values(text) > NODE_MAX_COUNT)
		d->failed = true;
	else
		json = json_doc_parse_within(text, max_bytes, NODE_MAX_DEPTH, e);
	if (json == NULL && !d->failed)
		return NULL;
	struct node *root = json == NULL ? NULL : read_value(d, json_doc_root(json), e);
	json_doc_free(json);
	if (d->failed) {
		err_set(e, ERR_LIMIT, "JSON: more than %u values", NODE_MAX_COUNT);
		return NULL;
	}
	return root;
}

void
node_write_json(struct json_writer *w, const char *key, const struct node *n)
{
	bool is_map = n->kind == NODE_MAP;

	switch (n->kind) {
	case NODE_NULL:
		json_write_null(w, key);
		return;
	case NODE_BOOL:
		json_write_bool(w, key, n->integer != 0);
		return;
	case NODE_INT:
		json_write_int(w, key, n->integer);
		return;
	case NODE_REAL:
		json_write_real(w, key, n->real);
		return;
	case NODE_STR:
		json_write_str(w, key, n->text);
		return;
	case NODE_LIST:
	case NODE_MAP:
		break;
	}
	if (is_map)
		json_write_object(w, key);
	else
		json_write_array(w, key);
	for (const struct node *c = node_first(n); c != NULL; c = node_next(c))
		node_write_json(w, is_map ? c->key.data : NULL, c);
	json_write_close(w, is_map ? '}' : ']');
}
