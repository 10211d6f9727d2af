/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits patterns into a directory and the pattern of a name.
 */
#include "proxy/logs/log_patterns.h"

#include <limits.h>

#include "base/ascii.h"

/* Whether the path is absolute, and no component is empty, "." or "..". */
static bool
is_plain_path(struct str path)
{
	struct str rest = str_skip(path, 1);
	struct str part;

	if (path.len < 2 || path.data[0] != '/' || path.len >= PATH_MAX)
		return false;
	while (str_next(&rest, '/', &part))
		if (part.len == 0 || part.len > NAME_MAX || str_equal(part, STR(".")) ||
		    str_equal(part, STR("..")))
			return false;
	return true;
}

static size_t
find_last_slash(struct str path)
{
	size_t at = path.len;

	while (at > 0 && path.data[at - 1] != '/')
		at--;
	return at - 1;
}

static bool
has_wildcards(struct str path)
{
	return str_find_byte(path, '*') != SIZE_MAX || str_find_byte(path, '?') != SIZE_MAX ||
	       str_find_byte(path, '[') != SIZE_MAX;
}

static bool
add(struct log_patterns *p, struct str path, struct arena *a, struct err *e)
{
	if (p->count == LOG_PATTERNS_MAX)
		return err_set(e, ERR_CONFIG, "more than %d patterns", LOG_PATTERNS_MAX);
	if (!is_plain_path(path) || ascii_has_control(path))
		return err_set(e, ERR_CONFIG, "a pattern that is not a plain absolute path");
	size_t slash = find_last_slash(path);
	struct str directory = slash == 0 ? STR("/") : str_take(path, slash);
	if (has_wildcards(directory))
		return err_set(e, ERR_CONFIG,
			       "wildcards are allowed in the last part of a path only");
	p->items[p->count].directory = arena_dup(a, directory);
	p->items[p->count].name = arena_dup(a, str_skip(path, slash + 1));
	if (p->items[p->count].directory == NULL || p->items[p->count].name == NULL)
		return err_set(e, ERR_MEMORY, "too long");
	p->count++;
	return true;
}

bool
log_patterns_parse(struct log_patterns *p, struct str text, struct arena *a, struct err *e)
{
	struct str part;

	p->count = 0;
	while (str_next(&text, ',', &part))
		if (!add(p, str_trim(part), a, e))
			return false;
	return true;
}

void
log_patterns_format(const struct log_patterns *p, struct buf *out)
{
	for (size_t i = 0; i < p->count; i++) {
		const char *directory = p->items[i].directory;

		buf_addf(out, "%s%s/%s", i == 0 ? "" : ",", directory[1] == '\0' ? "" : directory,
			 p->items[i].name);
	}
}
