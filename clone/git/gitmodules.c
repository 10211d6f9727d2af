/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading .gitmodules line by line. Values with continuation lines are refused: nobody writes them.
 */
#include "clone/git/gitmodules.h"

#include "clone/checkout/path_check.h"

#define VALUE_MAX 4096u

static bool
fail_line(struct err *e, size_t number)
{
	return err_set(e, ERR_PROTOCOL, ".gitmodules: line %zu can't be read", number);
}

/* The name becomes a path, and may hold no part that is more than a name. */
static bool
name_is_plain(struct str name)
{
	struct str rest = name;
	struct str part;

	if (str_is_empty(name) || name.data[0] == '-' || str_find_byte(name, '\\') != SIZE_MAX)
		return false;
	while (str_next(&rest, '/', &part)) {
		if (path_check_name(part) != NULL)
			return false;
	}
	return !str_ends_with(name, STR("/"));
}

static struct gitmodule *
find_or_add(struct gitmodules *m, struct str name, struct arena *a)
{
	char *copy;

	for (size_t i = 0; i < m->count; i++) {
		if (str_equal(m->items[i].name, name))
			return &m->items[i];
	}
	if (m->count == GITMODULES_MAX || (copy = arena_dup(a, name)) == NULL)
		return NULL;
	m->items[m->count].name = (struct str){copy, name.len};
	return &m->items[m->count++];
}

/* Up to an unescaped quote; *text is what follows it. */
static bool
read_quoted(struct str *text, char out[VALUE_MAX], size_t *len)
{
	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (c == '"') {
			*text = str_skip(*text, i + 1);
			return true;
		}
		if (c == '\\' && ++i < text->len)
			c = text->data[i];
		if (*len == VALUE_MAX || c == '\0')
			return false;
		out[(*len)++] = c;
	}
	return false;
}

/* "[submodule "name"]": *current is it; NULL for another section, whose keys don't matter. */
static bool
read_section(struct gitmodules *m, struct str line, struct gitmodule **current, struct arena *a)
{
	char name[VALUE_MAX];
	size_t len = 0;

	*current = NULL;
	line = str_skip(line, 1);
	if (!str_starts_with_nocase(line, STR("submodule")))
		return str_find_byte(line, ']') != SIZE_MAX;
	line = str_trim(str_skip(line, sizeof("submodule") - 1));
	if (str_is_empty(line) || line.data[0] != '"')
		return str_find_byte(line, ']') != SIZE_MAX;
	line = str_skip(line, 1);
	if (!read_quoted(&line, name, &len) || !str_starts_with(line, STR("]")) ||
	    !name_is_plain((struct str){name, len}))
		return false;
	*current = find_or_add(m, (struct str){name, len}, a);
	return *current != NULL;
}

/* Without quotes and comments, in the arena. */
static bool
read_value(struct str text, struct str *value, struct arena *a)
{
	char out[VALUE_MAX];
	size_t len = 0;
	size_t kept = 0;
	char *copy;

	text = str_trim(text);
	while (!str_is_empty(text) && text.data[0] != '#' && text.data[0] != ';') {
		char c = text.data[0];

		text = str_skip(text, 1);
		if (c == '"') {
			if (!read_quoted(&text, out, &len))
				return false;
			kept = len;
			continue;
		}
		if (c == '\\' || c == '\0' || len == VALUE_MAX)
			return false;
		out[len++] = c;
		if (c != ' ' && c != '\t')
			kept = len;
	}
	copy = arena_dup(a, (struct str){out, kept});
	*value = (struct str){copy, kept};
	return copy != NULL;
}

static bool
read_key(struct gitmodule *current, struct str line, struct arena *a)
{
	size_t equals = str_find_byte(line, '=');
	struct str key = str_trim(str_take(line, equals == SIZE_MAX ? line.len : equals));
	struct str value = str_skip(line, equals == SIZE_MAX ? line.len : equals + 1);

	if (current == NULL)
		return true;
	if (str_equal_nocase(key, STR("path")))
		return read_value(value, &current->path, a);
	if (str_equal_nocase(key, STR("url")))
		return read_value(value, &current->url, a);
	return true;
}

bool
gitmodules_parse(struct gitmodules *m, struct str text, struct arena *a, struct err *e)
{
	struct gitmodule *current = NULL;
	size_t number = 0;
	struct str line;

	*m = (struct gitmodules){.count = 0};
	if (text.len > GITMODULES_MAX_BYTES)
		return err_set(e, ERR_LIMIT, ".gitmodules is too large");
	while (str_next(&text, '\n', &line)) {
		bool ok = true;

		number++;
		if (str_ends_with(line, STR("\r")))
			line.len--;
		line = str_trim(line);
		if (str_is_empty(line) || line.data[0] == '#' || line.data[0] == ';')
			continue;
		if (line.data[0] == '[')
			ok = read_section(m, line, &current, a);
		else
			ok = read_key(current, line, a);
		if (!ok)
			return fail_line(e, number);
	}
	return true;
}

bool
gitmodules_has_include(struct str text)
{
	size_t at;

	while ((at = str_find_byte(text, '[')) != SIZE_MAX) {
		text = str_skip(text, at + 1);
		if (str_starts_with_nocase(str_trim(str_take(text, 64)), STR("include")))
			return true;
	}
	return false;
}

/* Length of "https://host" in an address; 0: it has none. */
static size_t
origin_length(struct str url)
{
	size_t colon = str_find(url, STR("://"));
	size_t slash;

	if (colon == SIZE_MAX)
		return 0;
	slash = str_find_byte(str_skip(url, colon + 3), '/');
	return slash == SIZE_MAX ? url.len : colon + 3 + slash;
}

static struct str
without_last_part(struct str path)
{
	while (path.len > 0 && path.data[path.len - 1] != '/')
		path.len--;
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	return path;
}

bool
gitmodules_resolve_url(struct str base, struct str url, struct buf *out, struct err *e)
{
	size_t origin = origin_length(base);
	struct str path = str_skip(base, origin);

	if (str_is_empty(url) || url.data[0] == '-')
		return err_set(e, ERR_PROTOCOL, "it is no address");
	if (!str_starts_with(url, STR("./")) && !str_starts_with(url, STR("../")))
		return buf_add_str(out, url) || err_set(e, ERR_LIMIT, "it is too long");
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	for (;;) {
		if (str_starts_with(url, STR("./"))) {
			url = str_skip(url, 2);
		} else if (str_starts_with(url, STR("../"))) {
			if (str_is_empty(path))
				return err_set(e, ERR_PROTOCOL, "it leads above the root");
			url = str_skip(url, 3);
			path = without_last_part(path);
		} else {
			break;
		}
	}
	if (buf_add_str(out, str_take(base, origin)) && buf_add_str(out, path) &&
	    buf_add_byte(out, '/') && buf_add_str(out, url))
		return true;
	return err_set(e, ERR_LIMIT, "it is too long");
}
