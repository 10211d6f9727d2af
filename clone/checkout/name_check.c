/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares names as these file systems do: without case, and without the characters that they
 * ignore.
 */
#include "clone/checkout/name_check.h"

#include "base/ascii.h"

/* Whether HFS+ ignores the code point (in UTF-8) when it compares names (Apple TN1150). */
static bool
is_ignored_by_hfs(struct str rest)
{
	const unsigned char *c = (const unsigned char *)rest.data;

	if (rest.len < 3)
		return false;
	if (c[0] == 0xe2 && c[1] == 0x80)
		return (c[2] >= 0x8c && c[2] <= 0x8f) || (c[2] >= 0xaa && c[2] <= 0xae);
	if (c[0] == 0xe2 && c[1] == 0x81)
		return c[2] >= 0xaa && c[2] <= 0xaf;
	return c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf;
}

static struct str
skip_ignored(struct str name)
{
	while (is_ignored_by_hfs(name))
		name = str_skip(name, 3);
	return name;
}

/* Removes `wanted`, which is lower case, from the start of the name in any spelling. */
static bool
skip_ignoring_spelling(struct str *name, struct str wanted)
{
	for (size_t i = 0; i < wanted.len; i++) {
		*name = skip_ignored(*name);
		if (str_is_empty(*name) || ascii_to_lower(name->data[0]) != wanted.data[i])
			return false;
		*name = str_skip(*name, 1);
	}
	return true;
}

/* Whether file systems ignore all of the text: trailing dots and spaces, and a stream (":…"). */
static bool
is_dropped(struct str rest)
{
	for (;;) {
		rest = skip_ignored(rest);
		if (str_is_empty(rest) || rest.data[0] == ':')
			return true;
		if (rest.data[0] != '.' && rest.data[0] != ' ')
			return false;
		rest = str_skip(rest, 1);
	}
}

static bool
is_spelled(struct str name, struct str wanted)
{
	return skip_ignoring_spelling(&name, wanted) && is_dropped(name);
}

/* Whether the name is NTFS's short name of the stem, which ends in a digit. */
static bool
is_short_name(struct str name, struct str stem)
{
	if (!skip_ignoring_spelling(&name, stem))
		return false;
	name = skip_ignored(name);
	return !str_is_empty(name) && ascii_is_digit(name.data[0]) && is_dropped(str_skip(name, 1));
}

static bool
is_git(struct str part)
{
	return is_spelled(part, STR(".git")) || is_spelled(part, STR("git~1"));
}

const char *
name_check_entry(struct str name)
{
	struct str rest = name;
	struct str part;

	if (str_is_empty(name))
		return "has no name";
	if (str_find_byte(name, '/') != SIZE_MAX)
		return "has a separator in its name";
	if (str_equal(name, STR(".")) || str_equal(name, STR("..")))
		return "leads out of its folder";
	/* NTFS uses '\\' as a separator; elsewhere it is part of a name. */
	while (str_next(&rest, '\\', &part)) {
		if (is_git(part))
			return "would be \".git\" on some file systems";
	}
	return NULL;
}

bool
name_check_is_gitmodules(struct str name)
{
	struct str part;

	while (str_next(&name, '\\', &part)) {
		if (is_spelled(part, STR(".gitmodules")) || is_short_name(part, STR("gitmod~")) ||
		    is_short_name(part, STR("gi7eba~")))
			return true;
	}
	return false;
}
