/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON with limits; the only module that includes jansson. Reading checks size, depth and types;
 * writing builds text in order without a tree.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/str.h"

#define JSON_MAX_BYTES 262144u /* of one document */
#define JSON_MAX_DEPTH 16u     /* nested arrays and objects */
/* Nesting limit of documents with their own limits, and of writers. */
#define JSON_MAX_DEPTH_EVER 128u

struct json_doc;  /* a parsed document, owned by the caller */
struct json_node; /* a value inside it, valid while the document lives */

/* Parses one object or array: valid UTF-8 without duplicate keys. ERR_PROTOCOL otherwise. */
struct json_doc *json_doc_parse(struct str text, struct err *e) MUST_CHECK;
/* As json_doc_parse, with the caller's limits. depth is at most JSON_MAX_DEPTH_EVER. */
struct json_doc *json_doc_parse_within(struct str text, size_t max_bytes, unsigned max_depth,
				       struct err *e) MUST_CHECK;
/* Does not wipe memory: copy secrets and free the document soon. */
void json_doc_free(struct json_doc *doc);
const struct json_node *json_doc_root(const struct json_doc *doc);

/* Follows object keys such as "data.workspace.user.id"; "" is the node itself. NULL: a key is
 * missing, or a parent is no object. */
const struct json_node *json_find(const struct json_node *node, const char *path);

/* Returns a member by its whole name, in which dots have no special meaning; NULL: there is none.
 */
const struct json_node *json_member(const struct json_node *object, const char *name);

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_INT,
	JSON_KIND_REAL,
	JSON_KIND_STR,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};
enum json_kind json_kind_of(const struct json_node *node);

bool json_is_null(const struct json_node *node); /* a JSON null, not a missing node */
bool json_is_object(const struct json_node *node);

/* Look up a value of one type by path. False: missing or of another type (ERR_PROTOCOL with the
 * path). Strings are views into the document; a string that contains a NUL is refused. */
bool json_get_str(const struct json_node *node, const char *path, struct str *value,
		  struct err *e) MUST_CHECK;
bool json_get_int(const struct json_node *node, const char *path, int64_t *value,
		  struct err *e) MUST_CHECK;
bool json_get_bool(const struct json_node *node, const char *path, bool *value,
		   struct err *e) MUST_CHECK;
double json_real_of(const struct json_node *node); /* of a JSON_KIND_REAL; 0 for others */

/* As json_get_str, but a missing or null value gives the empty view. */
bool json_get_opt_str(const struct json_node *node, const char *path, struct str *value,
		      struct err *e) MUST_CHECK;

/* The elements of an array: their number (0 for other nodes), and one of them. */
size_t json_array_len(const struct json_node *node);
const struct json_node *json_array_at(const struct json_node *node, size_t index);

/* A member of an object. Start with a zeroed one; json_next_member steps through them in the order
 * of the text. */
struct json_member {
	struct str key;
	const struct json_node *value;
	void *place;
};
bool json_next_member(const struct json_node *object, struct json_member *m);

/*
 * Writes JSON to a bounded buffer, with the commas. Nesting is at most JSON_MAX_DEPTH_EVER. key is
 * NULL inside arrays and for the root. Check the result of json_write_end: whether everything did
 * fit and every bracket is closed.
 */
struct json_writer {
	struct buf *out;
	unsigned depth;
	bool has_member[JSON_MAX_DEPTH_EVER + 1];
};

void json_write_begin(struct json_writer *w, struct buf *out);
void json_write_begin_object(struct json_writer *w, struct buf *out); /* the root is an object */
void json_write_object(struct json_writer *w, const char *key);
void json_write_array(struct json_writer *w, const char *key);
void json_write_close(struct json_writer *w, char bracket); /* '}' or ']' */
void json_write_str(struct json_writer *w, const char *key, struct str value);
void json_write_int(struct json_writer *w, const char *key, int64_t value);
void json_write_real(struct json_writer *w, const char *key, double value); /* must be finite */
void json_write_bool(struct json_writer *w, const char *key, bool value);
void json_write_null(struct json_writer *w, const char *key);
bool json_write_end(struct json_writer *w) MUST_CHECK;
bool json_write_end_object(struct json_writer *w) MUST_CHECK; /* closes the root */

#endif
