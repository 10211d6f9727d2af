/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only the transfer "basic" is offered and accepted.
 */
#include "clone/lfs/lfs_batch.h"

#include "base/ascii.h"
#include "base/json.h"

#define DEPTH_MAX		16u
#define MESSAGE_MAX		200u
#define AUTHORIZATION_MAX_BYTES 8000u

bool
lfs_batch_write(struct buf *out, struct lfs_object *const *objects, size_t count)
{
	char oid[LFS_OID_DIGITS + 1];
	struct json_writer w;

	json_write_begin_object(&w, out);
	json_write_str(&w, "operation", STR("download"));
	json_write_array(&w, "transfers");
	json_write_str(&w, NULL, STR("basic"));
	json_write_close(&w, ']');
	json_write_str(&w, "hash_algo", STR("sha256"));
	json_write_array(&w, "objects");
	for (size_t i = 0; i < count; i++) {
		lfs_pointer_format_oid(&objects[i]->pointer, oid);
		json_write_object(&w, NULL);
		json_write_str(&w, "oid", str_from(oid));
		json_write_int(&w, "size", (int64_t)objects[i]->pointer.size);
		json_write_close(&w, '}');
	}
	json_write_close(&w, ']');
	return json_write_end_object(&w);
}

static bool
is_absent_or(const struct json_node *root, const char *name, struct str wanted)
{
	struct err e = ERR_INIT;
	struct str value;

	return json_get_opt_str(root, name, &value, &e) &&
	       (str_is_empty(value) || str_equal(value, wanted));
}

/* Field names are case-insensitive (RFC 9110 section 5.1). */
static bool
read_authorization(const struct json_node *header, struct lfs_action *action, struct arena *arena,
		   struct err *e)
{
	struct json_member m = {.value = NULL};
	struct str value;

	while (header != NULL && json_next_member(header, &m)) {
		if (!str_equal_nocase(m.key, STR("Authorization")))
			continue;
		if (!json_get_str(m.value, "", &value, e))
			return false;
		if (str_is_empty(value))
			continue;
		if (value.len > AUTHORIZATION_MAX_BYTES || ascii_has_control(value))
			return err_set(e, ERR_PROTOCOL, "its Authorization field is invalid");
		action->authorization = arena_dup(arena, value);
		return action->authorization != NULL || err_set(e, ERR_MEMORY, "out of memory");
	}
	return true;
}

/* Copies the start of a text for the log; NULL: out of memory. */
static const char *
copy_message(struct str text, struct arena *arena)
{
	return arena_dup(arena, str_take(text, MESSAGE_MAX));
}

static bool
read_object(const struct json_node *node, struct lfs_action *action, struct arena *arena,
	    struct err *e)
{
	const struct json_node *download = json_find(node, "actions.download");
	struct str text;

	if (json_find(node, "error") != NULL && !json_is_null(json_find(node, "error"))) {
		if (!json_get_opt_str(node, "error.message", &text, e))
			return false;
		action->problem = copy_message(text, arena);
		return action->problem != NULL || err_set(e, ERR_MEMORY, "out of memory");
	}
	if (download == NULL)
		return true;
	if (!json_get_str(download, "href", &text, e))
		return false;
	action->href = arena_dup(arena, text);
	if (action->href == NULL)
		return err_set(e, ERR_MEMORY, "out of memory");
	return read_authorization(json_find(download, "header"), action, arena, e);
}

/* Returns the index of the object with this id that has no action yet; count: none. */
static size_t
find_object(struct str oid, struct lfs_object *const *objects, size_t count,
	    const struct lfs_action *actions)
{
	char text[LFS_OID_DIGITS + 1];
	size_t i;

	for (i = 0; i < count; i++) {
		lfs_pointer_format_oid(&objects[i]->pointer, text);
		if (actions[i].href == NULL && actions[i].problem == NULL &&
		    str_equal(oid, str_from(text)))
			break;
	}
	return i;
}

static bool
read_objects(const struct json_node *root, struct lfs_object *const *objects, size_t count,
	     struct lfs_action *actions, struct arena *arena, struct err *e)
{
	const struct json_node *array = json_find(root, "objects");

	if (!is_absent_or(root, "transfer", STR("basic")))
		return err_set(e, ERR_PROTOCOL, "a transfer other than \"basic\"");
	if (!is_absent_or(root, "hash_algo", STR("sha256")))
		return err_set(e, ERR_PROTOCOL, "a hash algorithm other than SHA-256");
	if (json_array_len(array) > LFS_BATCH_OBJECTS_MAX)
		return err_set(e, ERR_PROTOCOL, "more objects than were asked for");
	for (size_t i = 0; i < json_array_len(array); i++) {
		const struct json_node *node = json_array_at(array, i);
		struct str oid;
		size_t index;

		if (!json_get_str(node, "oid", &oid, e))
			return false;
		index = find_object(oid, objects, count, actions);
		if (index < count && !read_object(node, &actions[index], arena, e))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (actions[i].href == NULL && actions[i].problem == NULL)
			actions[i].problem = "not in the server's answer";
	}
	return true;
}

bool
lfs_batch_read(struct str text, struct lfs_object *const *objects, size_t count,
	       struct lfs_action *actions, struct arena *arena, struct err *e)
{
	struct json_doc *doc = json_doc_parse_within(text, LFS_BATCH_MAX_BYTES, DEPTH_MAX, e);
	bool ok;

	memset(actions, 0, count * sizeof(*actions));
	if (doc == NULL)
		return err_wrap(e, "batch answer");
	ok = read_objects(json_doc_root(doc), objects, count, actions, arena, e);
	json_doc_free(doc);
	return ok || err_wrap(e, "batch answer");
}

struct str
lfs_batch_message(struct str text, struct arena *arena)
{
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse_within(text, LFS_BATCH_MAX_BYTES, DEPTH_MAX, &e);
	struct str message = STR_NONE;
	const char *copy = NULL;

	if (doc == NULL)
		return STR_NONE;
	if (json_get_opt_str(json_doc_root(doc), "message", &message, &e))
		copy = copy_message(message, arena);
	json_doc_free(doc);
	return str_from(copy);
}
