/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML or JSON document as a mutable tree. Children keep the order of the text.
 *
 * All nodes live in their document's arena and are bounded in number; they are freed with the
 * document. Building functions never return NULL: once a limit is exceeded, doc.failed is set and
 * they return a placeholder, so callers check doc.failed once at the end.
 */
#ifndef CONTAINER_YAML_NODE_H
#define CONTAINER_YAML_NODE_H

#include "base/arena.h"
#include "base/json.h"
#include "base/list.h"

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
	unsigned line;	 /* in the source text; 0: unknown, or not read from text */
	bool is_merged;	 /* comes from a YAML merge key, so an explicit key may replace it */
	struct str key;	 /* of a map's member */
	struct str text; /* NODE_STR; NUL-terminated */
	int64_t integer; /* NODE_INT; NODE_BOOL as 0 or 1 */
	double real;	 /* NODE_REAL */
	STAILQ_ENTRY(node) entry;
	STAILQ_HEAD(node_list, node) children; /* NODE_LIST, NODE_MAP */
	size_t count;			       /* of children */
};

struct doc {
	struct arena arena;
	size_t nodes;
	/* Number of a !!binary scalar's line, whose text is kept unchanged; 0: none. */
	unsigned binary_line;
	bool failed;	  /* a limit was exceeded: the tree is incomplete */
	struct node sink; /* the placeholder that is returned after a failure */
};

void doc_init(struct doc *d);
void doc_fini(struct doc *d);

/* Copy the text. */
struct node *node_new(struct doc *d, enum node_kind kind);
struct node *node_new_str(struct doc *d, struct str text);
struct node *node_copy(struct doc *d, const struct node *n); /* deep copy, without the key */

/* A child has one parent. node_set replaces an existing member in its position, or appends. */
void node_append(struct node *list, struct node *child);
void node_prepend(struct node *list, struct node *child);
void node_set(struct doc *d, struct node *map, const char *key, struct node *child);
/* Appends a member without looking for an existing one. */
void node_add_member(struct doc *d, struct node *map, struct str key, struct node *child);

/* Short forms of node_set (or node_append) with a new node; the last three return it. */
void node_set_str(struct doc *d, struct node *map, const char *key, struct str text);
void node_set_int(struct doc *d, struct node *map, const char *key, int64_t value);
void node_set_bool(struct doc *d, struct node *map, const char *key, bool value);
struct node *node_set_map(struct doc *d, struct node *map, const char *key);
struct node *node_set_list(struct doc *d, struct node *map, const char *key);
struct node *node_append_map(struct doc *d, struct node *list);

void node_remove(struct node *map, const char *key); /* no-op without such a member */
void node_unlink(struct node *parent, struct node *child);

/* Return NULL if there is none, or n is NULL or no map. node_find takes a path: "spec.template". */
struct node *node_get(const struct node *n, const char *key);
struct node *node_get_str(const struct node *n, struct str key);
struct node *node_find(const struct node *n, const char *path);

bool node_is(const struct node *n, enum node_kind kind); /* false for NULL */
bool node_is_true(const struct node *n);
/* Returns the text of a string; empty for other nodes and NULL. */
struct str node_text(const struct node *n);
struct str node_text_at(const struct node *n, const char *path);
/* Returns the integer at the path; -1: there is none. */
int64_t node_int_at(const struct node *n, const char *path);

/* Iterate over the children; none for NULL and scalars:
 * for (c = node_first(n); c != NULL; c = node_next(c)). */
struct node *node_first(const struct node *n);
static inline struct node *
node_next(const struct node *n)
{
	return STAILQ_NEXT(n, entry);
}

/* The element of a list of maps whose "name" equals name, or NULL. */
struct node *node_named(const struct node *list, struct str name);

/* Deep comparison: maps regardless of order, numbers by value. */
bool node_equal(const struct node *a, const struct node *b);

/* Reads JSON; the root belongs to d. NULL with e set on error. Writing reports errors in
 * json_write_end. */
struct node *node_read_json(struct doc *d, struct str text, size_t max_bytes,
			    struct err *e) MUST_CHECK;
void node_write_json(struct json_writer *w, const char *key, const struct node *n);

#endif
