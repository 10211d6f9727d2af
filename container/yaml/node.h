/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document as a tree that can be changed: what YAML and JSON have in common, in the order of the
 * text.
 *
 * All nodes live in their document's arena and are bounded in number, so nothing here is freed one
 * by one. Building never fails in the middle: a document that ran out of room says so (failed) and
 * hands out a node that nobody will look at.
 */
#ifndef CONTAINER_YAML_NODE_H
#define CONTAINER_YAML_NODE_H

#include "base/arena.h"
#include "base/json.h"

#define NODE_MAX_COUNT 200000u /* in one document, aliases expanded */
#define NODE_MAX_DEPTH 64u
#define DOC_MAX_BYTES  ((size_t)64 * 1024 * 1024)

enum node_kind {
	NODE_NULL,
	NODE_BOOL,
	NODE_INT,
	NODE_REAL, /* finite */
	NODE_STR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	unsigned line;	   /* of the text it was read from; 0: unknown, or made by us */
	bool is_merged;	   /* a member that a YAML merge key brought, which a later one replaces */
	struct str key;	   /* of a map's member */
	struct str text;   /* NODE_STR; ends in NUL */
	int64_t integer;   /* NODE_INT; NODE_BOOL as 0 or 1 */
	double real;	   /* NODE_REAL */
	struct node *next; /* sibling */
	struct node *first;
	struct node *last;
	size_t count; /* of children */
};

struct doc {
	struct arena arena;
	size_t nodes; /* made so far */
	bool failed;
	struct node sink; /* handed out after a failure */
};

void doc_init(struct doc *d);
void doc_fini(struct doc *d);

/* Texts are copied. */
struct node *node_new(struct doc *d, enum node_kind kind);
struct node *node_new_str(struct doc *d, struct str text);
struct node *node_copy(struct doc *d, const struct node *n); /* without key and siblings */

/* A child has one parent. node_set replaces a member of that key in its place, or appends. */
void node_append(struct node *list, struct node *child);
void node_prepend(struct node *list, struct node *child);
void node_set(struct doc *d, struct node *map, const char *key, struct node *child);
/* Without looking for a member of that key. */
void node_add_member(struct doc *d, struct node *map, struct str key, struct node *child);

/* Short forms of node_set with a new node, which the last three return. */
void node_set_str(struct doc *d, struct node *map, const char *key, struct str text);
void node_set_int(struct doc *d, struct node *map, const char *key, int64_t value);
void node_set_bool(struct doc *d, struct node *map, const char *key, bool value);
struct node *node_set_map(struct doc *d, struct node *map, const char *key);
struct node *node_set_list(struct doc *d, struct node *map, const char *key);
struct node *node_append_map(struct doc *d, struct node *list);

void node_remove(struct node *map, const char *key); /* fine when it is not there */

/* NULL where it is missing, or n is NULL or no map. node_find follows "spec.template.metadata". */
struct node *node_get(const struct node *n, const char *key);
struct node *node_get_str(const struct node *n, struct str key);
struct node *node_find(const struct node *n, const char *path);

bool node_is(const struct node *n, enum node_kind kind); /* false for NULL */
/* The text of a string; the empty view for everything else. */
struct str node_text(const struct node *n);
struct str node_text_at(const struct node *n, const char *path);

/* The children, or none for NULL and scalars: for (c = node_first(n); c != NULL; c = c->next). */
struct node *node_first(const struct node *n);

/* The element of a list of maps whose "name" is this, or NULL. */
struct node *node_named(const struct node *list, struct str name);

/* Deep; maps whatever their order, numbers by value. */
bool node_equal(const struct node *a, const struct node *b);

/* JSON: reading adds to the document; writing is json_write_end's to check. */
struct node *node_read_json(struct doc *d, struct str text, size_t max_bytes,
			    struct err *e) MUST_CHECK;
void node_write_json(struct json_writer *w, const char *key, const struct node *n);

#endif
