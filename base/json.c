/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls jansson with limits. jansson allows 2048 levels of recursion, so the depth is checked
 * before it parses the text. struct json_node is an opaque json_t.
 */
#include "base/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log/log_escape.h"

/* Our functions of these names replace jansson's macros. */
#undef json_is_null
#undef json_is_object

#define KEY_SEPARATOR '.'

struct json_doc {
	json_t *root;
};

/* Whether brackets are nested too deeply. Everything else about them is the parser's task. */
static bool
is_too_deep(struct str text, unsigned max_depth)
{
	bool in_string = false;
	unsigned depth = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > max_depth)
			return true;
	}
	return false;
}

struct json_doc *
json_doc_parse(struct str text, struct err *e)
{
	return json_doc_parse_within(text, JSON_MAX_BYTES, JSON_MAX_DEPTH, e);
}

struct json_doc *
json_doc_parse_within(struct str text, size_t max_bytes, unsigned max_depth, struct err *e)
{
	struct json_doc *doc;
	json_error_t why;

	err_assert(max_depth <= JSON_MAX_DEPTH_EVER);
	if (text.len > max_bytes) {
		err_set(e, ERR_PROTOCOL, "JSON: more than %zu bytes", max_bytes);
		return NULL;
	}
	/* jansson accepts a NUL after a number. */
	if (str_find_byte(text, '\0') != SIZE_MAX) {
		err_set(e, ERR_PROTOCOL, "JSON: contains a NUL");
		return NULL;
	}
	if (is_too_deep(text, max_depth)) {
		err_set(e, ERR_PROTOCOL, "JSON: nested deeper than %u", max_depth);
		return NULL;
	}
	doc = err_alloc(e, sizeof(*doc), "JSON: out of memory");
	if (doc == NULL)
		return NULL;
	/* Allows escaped NULs, which reading a string refuses. */
	doc->root = json_loadb(text.len == 0 ? "" : text.data, text.len,
			       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (doc->root == NULL) {
		/* jansson's message quotes the text, which may contain a token. */
		err_set(e, ERR_PROTOCOL, "JSON: malformed at byte %d", why.position);
		free(doc);
		return NULL;
	}
	return doc;
}

void
json_doc_free(struct json_doc *doc)
{
	if (doc == NULL)
		return;
	json_decref(doc->root);
	free(doc);
}

static const struct json_node *
node_of(const json_t *value)
{
	return (const struct json_node *)value;
}

static const json_t *
value_of(const struct json_node *node)
{
	return (const json_t *)node;
}

static bool
is_type(const struct json_node *node, json_type type)
{
	return node != NULL && json_typeof(value_of(node)) == type;
}

const struct json_node *
json_doc_root(const struct json_doc *doc)
{
	return node_of(doc->root);
}

const struct json_node *
json_find(const struct json_node *node, const char *path)
{
	struct str rest = str_from(path);
	struct str key;

	if (rest.len == 0)
		return node;
	while (node != NULL && str_next(&rest, KEY_SEPARATOR, &key))
		node = node_of(json_object_getn(value_of(node), key.data, key.len));
	return node;
}

const struct json_node *
json_member(const struct json_node *object, const char *name)
{
	return node_of(json_object_get(value_of(object), name));
}

enum json_kind
json_kind_of(const struct json_node *node)
{
	switch (json_typeof(value_of(node))) {
	case JSON_OBJECT:
		return JSON_KIND_OBJECT;
	case JSON_ARRAY:
		return JSON_KIND_ARRAY;
	case JSON_STRING:
		return JSON_KIND_STR;
	case JSON_INTEGER:
		return JSON_KIND_INT;
	case JSON_REAL:
		return JSON_KIND_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_KIND_BOOL;
	case JSON_NULL:
		break;
	}
	return JSON_KIND_NULL;
}

bool
json_is_null(const struct json_node *node)
{
	return is_type(node, JSON_NULL);
}

bool
json_is_object(const struct json_node *node)
{
	return is_type(node, JSON_OBJECT);
}

/* Finds the value at path, and sets the error when it is missing. */
static const struct json_node *
need(const struct json_node *node, const char *path, struct err *e)
{
	node = json_find(node, path);
	if (node == NULL)
		err_set(e, ERR_PROTOCOL, "JSON: %s is missing", path);
	return node;
}

static bool
read_str(const struct json_node *node, const char *path, struct str *value, struct err *e)
{
	struct str text;

	if (!is_type(node, JSON_STRING))
		return err_set(e, ERR_PROTOCOL, "JSON: %s is not a string", path);
	text = (struct str){json_string_value(value_of(node)), json_string_length(value_of(node))};
	if (str_find_byte(text, '\0') != SIZE_MAX)
		return err_set(e, ERR_PROTOCOL, "JSON: %s contains a NUL", path);
	*value = text;
	return true;
}

bool
json_get_str(const struct json_node *node, const char *path, struct str *value, struct err *e)
{
	node = need(node, path, e);
	return node != NULL && read_str(node, path, value, e);
}

bool
json_get_opt_str(const struct json_node *node, const char *path, struct str *value, struct err *e)
{
	node = json_find(node, path);
	if (node == NULL || json_is_null(node)) {
		*value = STR_NONE;
		return true;
	}
	return read_str(node, path, value, e);
}

bool
json_get_int(const struct json_node *node, const char *path, int64_t *value, struct err *e)
{
	node = need(node, path, e);
	if (node == NULL)
		return false;
	if (!is_type(node, JSON_INTEGER))
		return err_set(e, ERR_PROTOCOL, "JSON: %s is not an integer", path);
	*value = json_integer_value(value_of(node));
	return true;
}

bool
json_get_bool(const struct json_node *node, const char *path, bool *value, struct err *e)
{
	node = need(node, path, e);
	if (node == NULL)
		return false;
	if (!is_type(node, JSON_TRUE) && !is_type(node, JSON_FALSE))
		return err_set(e, ERR_PROTOCOL, "JSON: %s is not a boolean", path);
	*value = is_type(node, JSON_TRUE);
	return true;
}

double
json_real_of(const struct json_node *node)
{
	return json_real_value(value_of(node));
}

size_t
json_array_len(const struct json_node *node)
{
	return is_type(node, JSON_ARRAY) ? json_array_size(value_of(node)) : 0;
}

const struct json_node *
json_array_at(const struct json_node *node, size_t index)
{
	return is_type(node, JSON_ARRAY) ? node_of(json_array_get(value_of(node), index)) : NULL;
}

/* The iterator takes a json_t that is not const, but does not change it. */
static json_t *
writable(const struct json_node *node)
{
	union {
		const struct json_node *read;
		json_t *write;
	} value = {.read = node};

	return value.write;
}

bool
json_next_member(const struct json_node *object, struct json_member *m)
{
	if (!json_is_object(object))
		return false;
	m->place = m->place == NULL ? json_object_iter(writable(object))
				    : json_object_iter_next(writable(object), m->place);
	if (m->place == NULL)
		return false;
	m->key = (struct str){json_object_iter_key(m->place), json_object_iter_key_len(m->place)};
	m->value = node_of(json_object_iter_value(m->place));
	return true;
}

void
json_write_begin(struct json_writer *w, struct buf *out)
{
	*w = (struct json_writer){.out = out};
}

/* Writes the comma and the key before a value. */
static void
start_value(struct json_writer *w, const char *key)
{
	if (w->has_member[w->depth]) {
		if (w->depth == 0)
			w->out->failed = true; /* a document has one root */
		buf_add_byte(w->out, ',');
	}
	w->has_member[w->depth] = true;
	if (key != NULL) {
		log_escape_json(w->out, str_from(key));
		buf_add_byte(w->out, ':');
	}
}

static void
open_bracket(struct json_writer *w, const char *key, char bracket)
{
	start_value(w, key);
	if (w->depth == JSON_MAX_DEPTH_EVER) {
		w->out->failed = true;
		return;
	}
	w->depth++;
	w->has_member[w->depth] = false;
	buf_add_byte(w->out, bracket);
}

void
json_write_object(struct json_writer *w, const char *key)
{
	open_bracket(w, key, '{');
}

void
json_write_array(struct json_writer *w, const char *key)
{
	open_bracket(w, key, '[');
}

void
json_write_begin_object(struct json_writer *w, struct buf *out)
{
	json_write_begin(w, out);
	json_write_object(w, NULL);
}

void
json_write_close(struct json_writer *w, char bracket)
{
	err_assert(bracket == '}' || bracket == ']');
	if (w->depth == 0) {
		w->out->failed = true;
		return;
	}
	w->depth--;
	buf_add_byte(w->out, bracket);
}

void
json_write_str(struct json_writer *w, const char *key, struct str value)
{
	start_value(w, key);
	log_escape_json(w->out, value);
}

void
json_write_int(struct json_writer *w, const char *key, int64_t value)
{
	start_value(w, key);
	buf_addf(w->out, "%lld", (long long)value);
}

void
json_write_real(struct json_writer *w, const char *key, double value)
{
	char text[32];

	start_value(w, key);
	/* Use the fewest digits that are read back as the same number. */
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_add_str(w->out, str_from(text));
}

void
json_write_bool(struct json_writer *w, const char *key, bool value)
{
	start_value(w, key);
	buf_add_str(w->out, value ? STR("true") : STR("false"));
}

void
json_write_null(struct json_writer *w, const char *key)
{
	start_value(w, key);
	buf_add_str(w->out, STR("null"));
}

bool
json_write_end(struct json_writer *w)
{
	return buf_is_ok(w->out) && w->depth == 0 && w->has_member[0];
}

bool
json_write_end_object(struct json_writer *w)
{
	json_write_close(w, '}');
	return json_write_end(w);
}
