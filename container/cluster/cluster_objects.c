/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of lists from the API server have no kind; it follows from the list's kind.
 */
#include "container/cluster/cluster_objects.h"

#include <stdlib.h>

#define DOCS_MAX    4096u
#define OBJECTS_MAX 200000u
#define DEPTH_MAX   64u

struct str
cluster_text(const struct json_node *n, const char *path)
{
	struct str text;

	return json_get_opt_str(n, path, &text, NULL) ? text : STR_NONE;
}

struct str
cluster_member(const struct json_node *map, const char *key)
{
	return cluster_text(json_member(map, key), "");
}

int64_t
cluster_int(const struct json_node *n, const char *path)
{
	int64_t value;

	return json_get_int(n, path, &value, NULL) ? value : 0;
}

static bool
append(struct cluster_object **items, size_t *count, const struct cluster_object *x, struct err *e)
{
	if (*count == OBJECTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %u objects", OBJECTS_MAX);
	if ((*count & (*count - 1)) == 0) {
		size_t room = *count == 0 ? 1 : 2 * *count;
		struct cluster_object *grown = reallocarray(*items, room, sizeof(*grown));
		if (grown == NULL)
			return err_set(e, ERR_MEMORY, "out of memory");
		*items = grown;
	}
	(*items)[(*count)++] = *x;
	return true;
}

static bool
add_object(struct cluster_objects *o, const struct json_node *node, struct str kind, struct err *e)
{
	if (!json_is_object(node))
		return err_set(e, ERR_INPUT, "a list has an item that is not an object");
	struct str own = cluster_text(node, "kind");
	const struct cluster_object x = {
		.kind = own.len > 0 ? own : kind,
		.namespace = cluster_text(node, "metadata.namespace"),
		.name = cluster_text(node, "metadata.name"),
		.node = node,
	};
	return append(&o->items, &o->count, &x, e);
}

static bool
add_root(struct cluster_objects *o, const struct json_node *root, struct err *e)
{
	struct str kind = cluster_text(root, "kind");
	struct str suffix = STR("List");
	const struct json_node *items = json_find(root, "items");
	struct str version = cluster_text(root, "serverVersion.gitVersion");

	if (version.len == 0)
		version = cluster_text(root, "gitVersion");
	if (version.len > 0) {
		o->version = version;
		return true;
	}
	if (kind.len == 0)
		return err_set(e, ERR_INPUT, "this is not a Kubernetes object: it has no kind");
	if (!str_ends_with(kind, suffix))
		return add_object(o, root, kind, e);
	for (size_t i = 0; i < json_array_len(items); i++)
		if (!add_object(o, json_array_at(items, i), str_take(kind, kind.len - suffix.len),
				e))
			return false;
	return true;
}

bool
cluster_objects_add(struct cluster_objects *o, struct str text, struct err *e)
{
	if (o->docs == NULL)
		o->docs = calloc(DOCS_MAX, sizeof(struct json_doc *));
	if (o->docs == NULL || o->doc_count == DOCS_MAX)
		return err_set(e, ERR_LIMIT, "too many documents");
	struct json_doc *doc = json_doc_parse_within(text, CLUSTER_TEXT_MAX_BYTES, DEPTH_MAX, e);
	if (doc == NULL)
		return false;
	o->docs[o->doc_count++] = doc;
	return add_root(o, json_doc_root(doc), e);
}

bool
cluster_objects_add_unread(struct cluster_objects *o, const struct cluster_object *x, struct err *e)
{
	return append(&o->unread, &o->unread_count, x, e);
}

void
cluster_objects_fini(struct cluster_objects *o)
{
	for (size_t i = 0; i < o->doc_count; i++)
		json_doc_free(o->docs[i]);
	free(o->docs);
	free(o->items);
	free(o->unread);
}

const struct cluster_object *
cluster_objects_next(const struct cluster_objects *o, const char *kind,
		     const struct cluster_object *after)
{
	for (size_t i = after == NULL ? 0 : (size_t)(after - o->items) + 1; i < o->count; i++)
		if (str_equal(o->items[i].kind, str_from(kind)))
			return &o->items[i];
	return NULL;
}

const struct cluster_object *
cluster_objects_find(const struct cluster_objects *o, const char *kind, struct str namespace,
		     struct str name)
{
	const struct cluster_object *x = NULL;

	while ((x = cluster_objects_next(o, kind, x)) != NULL)
		if (str_equal(x->name, name) && str_equal(x->namespace, namespace))
			return x;
	return NULL;
}

bool
cluster_objects_is_unread(const struct cluster_objects *o, const char *kind, struct str namespace,
			  struct str name)
{
	for (size_t i = 0; i < o->unread_count; i++) {
		const struct cluster_object *x = &o->unread[i];
		if (str_equal(x->kind, str_from(kind)) &&
		    (x->name.len == 0 ||
		     (str_equal(x->name, name) && str_equal(x->namespace, namespace))))
			return true;
	}
	return false;
}
