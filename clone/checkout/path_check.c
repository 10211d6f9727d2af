/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are normalized as the file systems in question do, then compared.
 */
#include "clone/checkout/path_check.h"

#define REDUCED_MAX 64u

/* The code points that HFS+ leaves out when it compares names (Apple TN1150), in UTF-8. */
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

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* In lower case, without what HFS+ ignores; what NTFS drops (a stream, then dots and spaces at the
 * end) is dropped. What is longer is none of the names in question. */
static struct str
reduce(struct str name, char out[REDUCED_MAX])
{
	size_t len = 0;
	size_t end = str_find_byte(name, ':');

	name = str_take(name, end == SIZE_MAX ? name.len : end);
	while (!str_is_empty(name) && len < REDUCED_MAX) {
		if (is_ignored_by_hfs(name)) {
			name = str_skip(name, 3);
			continue;
		}
		out[len++] = lower(name.data[0]);
		name = str_skip(name, 1);
	}
	if (!str_is_empty(name))
		return STR_NONE;
	while (len > 0 && (out[len - 1] == '.' || out[len - 1] == ' '))
		len--;
	return (struct str){out, len};
}

/* NTFS's short name: the stem and a digit. */
static bool
is_short_name(struct str name, struct str stem)
{
	return str_starts_with(name, stem) && name.len == stem.len + 1 &&
	       name.data[stem.len] >= '0' && name.data[stem.len] <= '9';
}

static bool
is_git(struct str part)
{
	char text[REDUCED_MAX];
	struct str reduced = reduce(part, text);

	return str_equal(reduced, STR(".git")) || is_short_name(reduced, STR("git~"));
}

const char *
path_check_name(struct str name)
{
	struct str rest = name;
	struct str part;

	if (str_is_empty(name))
		return "has no name";
	if (str_find_byte(name, '/') != SIZE_MAX)
		return "has a separator in its name";
	/* Where '\\' is no separator, it is part of many a name. */
	while (str_next(&rest, '\\', &part)) {
		if (str_equal(part, STR(".")) || str_equal(part, STR("..")))
			return "is a way out of its folder";
		if (is_git(part))
			return "would be \".git\" on some file systems";
	}
	return NULL;
}

bool
path_check_is_gitmodules(struct str name)
{
	char text[REDUCED_MAX];
	struct str reduced = reduce(name, text);

	return str_equal(reduced, STR(".gitmodules")) || is_short_name(reduced, STR("gitmod~")) ||
	       is_short_name(reduced, STR("gi7eba~"));
}
