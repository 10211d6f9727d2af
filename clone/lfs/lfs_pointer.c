/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts what git-lfs accepts: keys in the order of the specification, empty lines, CRLF, and the
 * earlier names of the format.
 */
#include "clone/lfs/lfs_pointer.h"

#include <stdio.h>

#include "base/ascii.h"

static bool
is_version(struct str value)
{
	static const struct str versions[] = {
		{"https://git-lfs.github.com/spec/v1", 34},
		{"https://hawser.github.com/spec/v1", 33},
		{"http://git-media.io/v/2", 23},
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (str_equal(value, versions[i]))
			return true;
	}
	return false;
}

/* Reads the value of the next line, which must start with the key and a space. */
static bool
take_value(struct str *rest, struct str key, struct str *value)
{
	struct str line = STR_NONE;

	while (str_is_empty(line)) {
		if (!str_next(rest, '\n', &line))
			return false;
		if (str_ends_with(line, STR("\r")))
			line.len--;
	}
	*value = str_skip(line, key.len + 1);
	return line.len > key.len && str_starts_with(line, key) && line.data[key.len] == ' ';
}

static struct str
trim_lines(struct str text)
{
	while (!str_is_empty(text) && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
		text.len--;
	while (!str_is_empty(text) && strchr(" \t\r\n", text.data[0]) != NULL)
		text = str_skip(text, 1);
	return text;
}

static bool
read_oid(struct lfs_pointer *p, struct str text)
{
	if (!str_starts_with(text, STR("sha256:")))
		return false;
	text = str_skip(text, sizeof("sha256:") - 1);
	if (text.len != LFS_OID_DIGITS || !ascii_all_lower_hex(text))
		return false;
	for (size_t i = 0; i < LFS_OID_BYTES; i++)
		p->oid[i] = (uint8_t)((unsigned)ascii_hex_value(text.data[2 * i]) << 4 |
				      (unsigned)ascii_hex_value(text.data[2 * i + 1]));
	return true;
}

bool
lfs_pointer_parse(struct lfs_pointer *p, struct str text)
{
	struct str value;

	if (text.len > LFS_POINTER_MAX_BYTES || memchr(text.data, '\0', text.len) != NULL)
		return false;
	text = trim_lines(text);
	return take_value(&text, STR("version"), &value) && is_version(value) &&
	       take_value(&text, STR("oid"), &value) && read_oid(p, value) &&
	       take_value(&text, STR("size"), &value) &&
	       str_to_u64(value, 0, INT64_MAX, &p->size) && str_is_empty(trim_lines(text));
}

void
lfs_pointer_format_oid(const struct lfs_pointer *p, char out[LFS_OID_DIGITS + 1])
{
	for (size_t i = 0; i < LFS_OID_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", p->oid[i]);
}

int
lfs_pointer_compare(const struct lfs_pointer *a, const struct lfs_pointer *b)
{
	int order = memcmp(a->oid, b->oid, LFS_OID_BYTES);

	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}
