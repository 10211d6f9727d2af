/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares lists from both ends: the common head and tail stay, and the middle is changed element
 * by element, then extended or shortened. So an insertion into a list is one operation.
 * Applies the operations that this makes: add, remove and replace below the root.
 */
#include "container/webhook/patch.h"

#define PATH_MAX_BYTES 16384u
#define KEY_MAX_BYTES  1024u

struct patch {
	struct json_writer writer;
	struct buf path; /* of the current node, as a JSON Pointer (RFC 6901) */
};

static void diff(struct patch *p, const struct node *before, const struct node *after);

static size_t
push_key(struct patch *p, struct str key)
{
	size_t before = p->path.len;

	buf_add_byte(&p->path, '/');
	for (size_t i = 0; i < key.len; i++) {
		if (key.data[i] == '~')
			buf_add_str(&p->path, STR("~0"));
		else if (key.data[i] == '/')
			buf_add_str(&p->path, STR("~1"));
		else
			buf_add_byte(&p->path, key.data[i]);
	}
	return before;
}

static size_t
push_index(struct patch *p, size_t index)
{
	size_t before = p->path.len;

	buf_addf(&p->path, "/%zu", index);
	return before;
}

static void
pop(struct patch *p, size_t len)
{
	p->path.len = len;
}

/* Writes one operation; value is NULL for "remove". */
static void
write_operation(struct patch *p, const char *op, const struct node *value)
{
	json_write_object(&p->writer, NULL);
	json_write_str(&p->writer, "op", str_from(op));
	json_write_str(&p->writer, "path", buf_view(&p->path));
	if (value != NULL)
		node_write_json(&p->writer, "value", value);
	json_write_close(&p->writer, '}');
}

/* Finds a member, looking at *next first: both maps mostly have the same order, and a scan from the
 * start for each key would take quadratic time. */
static const struct node *
find_from(const struct node *map, const struct node **next, struct str key)
{
	const struct node *found = *next;

	if (found == NULL || !str_equal(found->key, key))
		found = node_get_str(map, key);
	if (found != NULL)
		*next = node_next(found);
	return found;
}

static void
diff_maps(struct patch *p, const struct node *before, const struct node *after)
{
	const struct node *next = node_first(after);

	for (const struct node *c = node_first(before); c != NULL; c = node_next(c)) {
		const struct node *there = find_from(after, &next, c->key);
		size_t len = push_key(p, c->key);
		if (there == NULL)
			write_operation(p, "remove", NULL);
		else
			diff(p, c, there);
		pop(p, len);
	}
	next = node_first(before);
	for (const struct node *c = node_first(after); c != NULL; c = node_next(c)) {
		if (find_from(before, &next, c->key) != NULL)
			continue;
		size_t len = push_key(p, c->key);
		write_operation(p, "add", c);
		pop(p, len);
	}
}

static size_t
common_head(const struct node *before, const struct node *after)
{
	const struct node *b = node_first(after);
	size_t n = 0;

	for (const struct node *a = node_first(before); a != NULL && b != NULL; a = node_next(a)) {
		if (!node_equal(a, b))
			break;
		b = node_next(b);
		n++;
	}
	return n;
}

static const struct node *
nth(const struct node *list, size_t n)
{
	const struct node *c = node_first(list);

	for (; n > 0; n--)
		c = node_next(c);
	return c;
}

/* Returns how many elements at the end are equal, not counting the first `head` elements of
 * both. */
static size_t
common_tail(const struct node *before, const struct node *after, size_t head)
{
	size_t shorter = before->count < after->count ? before->count : after->count;
	size_t most = shorter - head;
	const struct node *a = nth(before, before->count - most);
	const struct node *b = nth(after, after->count - most);
	size_t n = 0;

	for (; a != NULL; a = node_next(a)) {
		n = node_equal(a, b) ? n + 1 : 0;
		b = node_next(b);
	}
	return n;
}

static void
diff_lists(struct patch *p, const struct node *before, const struct node *after)
{
	size_t head = common_head(before, after);
	size_t tail = common_tail(before, after, head);
	size_t old_count = before->count - head - tail;
	size_t new_count = after->count - head - tail;
	size_t both = old_count < new_count ? old_count : new_count;
	const struct node *a = nth(before, head);
	const struct node *b = nth(after, head);
	size_t len;

	for (size_t i = 0; i < both; i++) {
		len = push_index(p, head + i);
		diff(p, a, b);
		pop(p, len);
		a = node_next(a);
		b = node_next(b);
	}
	for (size_t i = both; i < new_count; i++) {
		len = push_index(p, head + i);
		write_operation(p, "add", b);
		pop(p, len);
		b = node_next(b);
	}
	for (size_t i = old_count; i > both; i--) {
		len = push_index(p, head + i - 1);
		write_operation(p, "remove", NULL);
		pop(p, len);
	}
}

static void
diff(struct patch *p, const struct node *before, const struct node *after)
{
	if (before->kind == NODE_MAP && after->kind == NODE_MAP)
		diff_maps(p, before, after);
	else if (before->kind == NODE_LIST && after->kind == NODE_LIST)
		diff_lists(p, before, after);
	else if (!node_equal(before, after))
		write_operation(p, "replace", after);
}

bool
patch_write(const struct node *before, const struct node *after, struct buf *out)
{
	struct patch p;

	buf_init(&p.path, PATH_MAX_BYTES);
	json_write_begin(&p.writer, out);
	json_write_array(&p.writer, NULL);
	diff(&p, before, after);
	json_write_close(&p.writer, ']');
	bool ok = json_write_end(&p.writer) && buf_is_ok(&p.path);
	buf_fini(&p.path);
	return ok;
}

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
