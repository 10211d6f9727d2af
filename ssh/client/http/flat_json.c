/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A decoded string is never longer than its text, so it takes its place. Bytes above 0x7f are left
 * as they are, whether or not they are UTF-8: paths of files need not be.
 */
#include "ssh/client/http/flat_json.h"

#include "base/ascii.h"

struct text_reader {
	char *at;
	const char *end;
};

static void
skip_space(struct text_reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0')
		r->at++;
}

static bool
take_byte(struct text_reader *r, char byte)
{
	if (r->at == r->end || *r->at != byte)
		return false;
	r->at++;
	return true;
}

static bool
take_word(struct text_reader *r, struct str word)
{
	if (!str_starts_with((struct str){r->at, (size_t)(r->end - r->at)}, word))
		return false;
	r->at += word.len;
	return true;
}

static bool
take_hex(struct text_reader *r, uint32_t *code)
{
	*code = 0;
	if (r->end - r->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int value = ascii_hex_value(*r->at++);

		if (value < 0)
			return false;
		*code = *code << 4 | (uint32_t)value;
	}
	return true;
}

/* What follows "\u". Two halves of a pair make one character; alone they are none. */
static bool
take_unicode(struct text_reader *r, uint32_t *code)
{
	uint32_t low;

	if (!take_hex(r, code) || *code == 0 || (*code >= 0xdc00 && *code <= 0xdfff))
		return false;
	if (*code < 0xd800 || *code > 0xdbff)
		return true;
	if (!take_word(r, STR("\\u")) || !take_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
		return false;
	*code = 0x10000 + ((*code - 0xd800) << 10 | (low - 0xdc00));
	return true;
}

/* UTF-8 (RFC 3629). */
static char *
put_character(char *out, uint32_t code)
{
	unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};

	*out++ = (char)(uint8_t)(first[more] | code >> (6 * more));
	while (more-- > 0)
		*out++ = (char)(uint8_t)(0x80u | (code >> (6 * more) & 0x3fu));
	return out;
}

/* What follows a backslash. */
static bool
take_escape(struct text_reader *r, char **out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";
	const char *found;
	uint32_t code;

	if (take_byte(r, 'u')) {
		if (!take_unicode(r, &code))
			return false;
		*out = put_character(*out, code);
		return true;
	}
	if (r->at == r->end || *r->at == '\0' || (found = strchr(names, *r->at)) == NULL)
		return false;
	r->at++;
	*(*out)++ = bytes[found - names];
	return true;
}

static bool
take_string(struct text_reader *r, struct str *value)
{
	char *out = r->at + 1;

	if (!take_byte(r, '"'))
		return false;
	*value = (struct str){out, 0};
	while (r->at < r->end && *r->at != '"') {
		if ((unsigned char)*r->at < 0x20)
			return false;
		if (*r->at != '\\') {
			*out++ = *r->at++;
			continue;
		}
		r->at++;
		if (!take_escape(r, &out))
			return false;
	}
	value->len = (size_t)(out - value->data);
	return take_byte(r, '"');
}

static bool
take_digits(struct text_reader *r)
{
	const char *start = r->at;

	while (r->at < r->end && ascii_is_digit(*r->at))
		r->at++;
	return r->at > start;
}

static bool
take_number(struct text_reader *r)
{
	(void)take_byte(r, '-');
	if (!take_byte(r, '0') && !take_digits(r))
		return false;
	if (take_byte(r, '.') && !take_digits(r))
		return false;
	if (!take_byte(r, 'e') && !take_byte(r, 'E'))
		return true;
	if (!take_byte(r, '+'))
		(void)take_byte(r, '-');
	return take_digits(r);
}

static bool skip_value(struct text_reader *r, unsigned depth);

static bool
skip_member(struct text_reader *r, unsigned depth)
{
	struct str name;

	skip_space(r);
	if (!take_string(r, &name))
		return false;
	skip_space(r);
	return take_byte(r, ':') && skip_value(r, depth);
}

/* What is between brackets, with the closing one. */
static bool
skip_items(struct text_reader *r, char closing, unsigned depth)
{
	skip_space(r);
	if (take_byte(r, closing))
		return true;
	do {
		if (!(closing == '}' ? skip_member(r, depth) : skip_value(r, depth)))
			return false;
		skip_space(r);
	} while (take_byte(r, ','));
	return take_byte(r, closing);
}

static bool
skip_value(struct text_reader *r, unsigned depth)
{
	struct str string;

	skip_space(r);
	if (depth == 0 || r->at == r->end)
		return false;
	if (*r->at == '"')
		return take_string(r, &string);
	if (take_byte(r, '{'))
		return skip_items(r, '}', depth - 1);
	if (take_byte(r, '['))
		return skip_items(r, ']', depth - 1);
	return take_word(r, STR("true")) || take_word(r, STR("false")) ||
	       take_word(r, STR("null")) || take_number(r);
}

static const struct flat_json_member *
find_member(const struct flat_json *j, struct str name)
{
	for (size_t i = 0; i < j->count; i++)
		if (str_equal(j->members[i].name, name))
			return &j->members[i];
	return NULL;
}

static bool
take_member(struct flat_json *j, struct text_reader *r)
{
	struct flat_json_member m;

	skip_space(r);
	if (!take_string(r, &m.name) || find_member(j, m.name) != NULL)
		return false;
	skip_space(r);
	if (!take_byte(r, ':'))
		return false;
	skip_space(r);
	if (r->at < r->end && *r->at != '"')
		return skip_value(r, FLAT_JSON_DEPTH);
	if (j->count == FLAT_JSON_MEMBERS || !take_string(r, &m.value))
		return false;
	j->members[j->count++] = m;
	return true;
}

bool
flat_json_parse(struct flat_json *j, char *text, size_t len)
{
	struct text_reader r = {text, text + len};

	j->count = 0;
	skip_space(&r);
	if (!take_byte(&r, '{'))
		return false;
	skip_space(&r);
	if (!take_byte(&r, '}')) {
		do {
			if (!take_member(j, &r))
				return false;
			skip_space(&r);
		} while (take_byte(&r, ','));
		if (!take_byte(&r, '}'))
			return false;
	}
	skip_space(&r);
	return r.at == r.end;
}

struct str
flat_json_get(const struct flat_json *j, const char *name)
{
	const struct flat_json_member *m = find_member(j, str_from(name));

	return m == NULL ? STR_NONE : m->value;
}

static void
write_string(struct buf *out, struct str s)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.data[i] < 0x20)
			buf_addf(out, "\\u%04x", (unsigned char)s.data[i]);
		else if (s.data[i] == '"' || s.data[i] == '\\')
			buf_addf(out, "\\%c", s.data[i]);
		else
			buf_add_byte(out, s.data[i]);
	}
	buf_add_byte(out, '"');
}

bool
flat_json_write(struct buf *out, const struct flat_json_member *members, size_t count)
{
	buf_add_byte(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		write_string(out, members[i].name);
		buf_add_byte(out, ':');
		write_string(out, members[i].value);
	}
	return buf_add_str(out, STR("}"));
}
