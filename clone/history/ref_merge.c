/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses and merges packed-refs files: a header line with the file's properties, one line per ref,
 * and for an annotated tag a second line with its peeled object.
 */
#include "clone/history/ref_merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

#define ID_DIGITS 40u
#define HEAD	  "# pack-refs with: peeled fully-peeled sorted \n"

struct ref_line {
	struct str name;
	struct str lines; /* including newlines */
};

struct refs {
	struct ref_line *items;
	size_t count;
	size_t size;
};

static int
compare_refs(const void *a, const void *b)
{
	return str_compare(((const struct ref_line *)a)->name, ((const struct ref_line *)b)->name);
}

/* Returns the index of the first name that is not less than `name`. */
static size_t
lower_bound(const struct ref_names *taken, struct str name)
{
	size_t low = 0;
	size_t high = taken->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (str_compare(str_from(taken->names[middle]), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
contains(const struct ref_names *taken, struct str name)
{
	size_t at = lower_bound(taken, name);

	return at < taken->count && str_equal(str_from(taken->names[at]), name);
}

/* Compares `name` with the refs below the folder; 0: it is one of them. */
static int
compare_below(struct str name, struct str folder)
{
	int order = str_compare(str_take(name, folder.len), folder);

	if (order != 0)
		return order;
	return name.len == folder.len
		       ? -1
		       : str_compare(str_take(str_skip(name, folder.len), 1), STR("/"));
}

/* Names below a folder are adjacent in the order but do not directly follow its name: "a-b" sorts
 * between "a" and "a/b". */
static bool
has_below(const struct ref_names *taken, struct str name)
{
	size_t low = lower_bound(taken, name);
	size_t high = taken->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_below(str_from(taken->names[middle]), name);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool
ref_names_has_room(const struct ref_names *taken, struct str name)
{
	if (contains(taken, name) || has_below(taken, name))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] == '/' && contains(taken, str_take(name, i)))
			return false;
	}
	return true;
}

static bool
starts_with_id(struct str s)
{
	return s.len >= ID_DIGITS && ascii_all_lower_hex(str_take(s, ID_DIGITS));
}

static bool
add(struct refs *refs, struct str name, struct str line)
{
	if (refs->count == refs->size) {
		size_t size = refs->size == 0 ? 1024 : 2 * refs->size;
		struct ref_line *items = reallocarray(refs->items, size, sizeof(*items));

		if (items == NULL)
			return false;
		refs->items = items;
		refs->size = size;
	}
	refs->items[refs->count++] = (struct ref_line){name, line};
	return true;
}

/* Parses one line with its newline. False with an error. */
static bool
parse_line(struct refs *refs, struct str line, bool may_peel, struct err *e)
{
	struct str text = str_take(line, line.len - 1);

	if (text.len > 0 && text.data[0] == '^') {
		if (!may_peel || text.len != ID_DIGITS + 1 || !starts_with_id(str_skip(text, 1)))
			return err_set(e, ERR_PROTOCOL, "packed-refs: misplaced peeled tag");
		refs->items[refs->count - 1].lines.len += line.len;
		return true;
	}
	if (!starts_with_id(text) || text.len < ID_DIGITS + 2 || text.data[ID_DIGITS] != ' ')
		return err_set(e, ERR_PROTOCOL, "packed-refs: malformed line");
	return add(refs, str_skip(text, ID_DIGITS + 1), line) ||
	       err_set(e, ERR_MEMORY, "out of memory for refs");
}

/* Appends the parsed lines to refs. */
static bool
parse(struct refs *refs, struct str text, struct str *head, struct err *e)
{
	size_t from = refs->count;
	size_t end;

	*head = STR_NONE;
	while (text.len > 0) {
		end = str_find_byte(text, '\n');
		if (end == SIZE_MAX)
			return err_set(e, ERR_PROTOCOL, "packed-refs: incomplete last line");
		if (text.data[0] != '#') {
			if (!parse_line(refs, str_take(text, end + 1), refs->count > from, e))
				return false;
		} else if (refs->count == from && head->len == 0) {
			*head = str_take(text, end + 1);
		}
		text = str_skip(text, end + 1);
	}
	return true;
}

/* Removes refs from index `from` on that conflict with taken names. */
static void
choose(struct refs *refs, size_t from, const struct ref_names *taken)
{
	size_t kept = from;

	for (size_t i = from; i < refs->count; i++) {
		if (ref_names_has_room(taken, refs->items[i].name))
			refs->items[kept++] = refs->items[i];
	}
	refs->count = kept;
}

bool
ref_merge(struct str old, struct str fresh, const struct ref_names *taken, struct buf *out,
	  size_t *added, struct err *e)
{
	struct refs refs = {NULL, 0, 0};
	struct str head = STR_NONE;
	struct str ignored;
	size_t from = 0;
	bool ok = parse(&refs, old, &head, e);

	/* The header's properties must hold for the merged file, so only those of the old file are
	 * kept. */
	if (ok && refs.count == 0)
		head = STR(HEAD);
	from = refs.count;
	ok = ok && parse(&refs, fresh, &ignored, e);
	if (ok) {
		choose(&refs, from, taken);
		*added = refs.count - from;
		if (refs.count > 0)
			qsort(refs.items, refs.count, sizeof(*refs.items), compare_refs);
		buf_add_str(out, head);
		for (size_t i = 0; i < refs.count; i++)
			buf_add_str(out, refs.items[i].lines);
		ok = buf_is_ok(out) || err_set(e, ERR_MEMORY, "out of memory for refs");
	}
	free(refs.items);
	return ok;
}
