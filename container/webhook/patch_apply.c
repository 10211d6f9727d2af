/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of RFC 6902 that patch_write uses: add, remove and replace below the root.
 */
#include "container/webhook/patch.h"

#define KEY_MAX_BYTES 1024u

/* Reads one part of a JSON Pointer, unescaped. */
static bool
take_key(struct str *pointer, struct buf *key)
{
	struct str part;

	buf_clear(key);
	if (!str_starts_with(*pointer, STR("/")))
		return false;
	*pointer = str_skip(*pointer, 1);
	part = str_take(*pointer, str_find_byte(*pointer, '/'));
	*pointer = str_skip(*pointer, part.len);
	for (size_t i = 0; i < part.len; i++) {
		bool is_escaped = part.data[i] == '~' && i + 1 < part.len;
		char ch = part.data[i];
		if (is_escaped)
			ch = part.data[++i] == '1' ? '/' : '~';
		buf_add_byte(key, ch);
	}
	return buf_add_byte(key, '\0');
}

/* Returns the element at this index, or at the end. */
static bool
find_element(const struct node *list, const char *key, struct node **found)
{
	uint64_t index;
	struct node *n = node_first(list);

	if (!str_to_u64(str_from(key), 0, list->count, &index))
		return false;
	for (; index > 0; index--)
		n = node_next(n);
	*found = n;
	return true;
}

static void
insert_before(struct node *list, struct node *place, struct node *value)
{
	struct node *before = node_first(list);

	if (place == NULL || place == before) {
		if (place == NULL)
			node_append(list, value);
		else
			node_prepend(list, value);
		return;
	}
	while (node_next(before) != place)
		before = node_next(before);
	STAILQ_INSERT_AFTER(&list->children, before, value, entry);
	list->count++;
}

static bool
change_list(struct doc *d, struct node *list, const char *key, struct str op,
	    const struct node *value)
{
	struct node *place;

	if (!find_element(list, key, &place) || (place == NULL && !str_equal(op, STR("add"))))
		return false;
	struct node *copy = str_equal(op, STR("remove")) ? NULL : node_copy(d, value);
	if (d->failed)
		return false;
	if (copy != NULL)
		insert_before(list, place, copy);
	if (!str_equal(op, STR("add")))
		node_unlink(list, place);
	return true;
}

static bool
change_map(struct doc *d, struct node *map, const char *key, struct str op,
	   const struct node *value)
{
	const char *kept = arena_dup(&d->arena, str_from(key));
	bool is_there = node_get(map, key) != NULL;

	if (is_there == str_equal(op, STR("add")) || kept == NULL)
		return false;
	if (str_equal(op, STR("remove")))
		node_remove(map, key);
	else
		node_set(d, map, kept, node_copy(d, value));
	return true;
}

static bool
is_operation(struct str op, const struct node *value)
{
	return str_equal(op, STR("remove")) ||
	       (value != NULL && (str_equal(op, STR("add")) || str_equal(op, STR("replace"))));
}

static bool
apply_one(struct doc *d, struct node *root, const struct node *operation, struct buf *key)
{
	struct str op = node_text_at(operation, "op");
	struct str pointer = node_text_at(operation, "path");
	const struct node *value = node_get(operation, "value");
	struct node *place = root;

	if (!is_operation(op, value) || !take_key(&pointer, key))
		return false;
	while (pointer.len > 0) {
		struct node *next = node_get(place, key->data);
		if (node_is(place, NODE_LIST) && !find_element(place, key->data, &next))
			return false;
		place = next;
		if (place == NULL || !take_key(&pointer, key))
			return false;
	}
	if (node_is(place, NODE_LIST))
		return change_list(d, place, key->data, op, value);
	return node_is(place, NODE_MAP) && change_map(d, place, key->data, op, value);
}

bool
patch_apply(struct doc *d, struct node *root, const struct node *operations)
{
	struct buf key;
	bool ok = node_is(operations, NODE_LIST);

	buf_init(&key, KEY_MAX_BYTES);
	for (const struct node *o = node_first(operations); ok && o != NULL; o = node_next(o))
		ok = apply_one(d, root, o, &key);
	buf_fini(&key);
	return ok && !d->failed;
}
