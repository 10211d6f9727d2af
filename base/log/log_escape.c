/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON string escapes (RFC 8259 section 7), and which characters need one in a log.
 */
#include "base/log/log_escape.h"

#include "base/byte_scan.h"

static inline uint64_t
suspects(uint64_t word)
{
	return byte_scan_high(word) | byte_scan_below(word, 0x20) | byte_scan_equal(word, 0x7f) |
	       byte_scan_equal(word, '"') | byte_scan_equal(word, '\\');
}

size_t
log_escape_plain_run(struct str s)
{
	return byte_scan_prefix(s, suspects, log_escape_is_plain);
}

/* Decodes one character (RFC 3629); returns its length, or 0 where the bytes are not UTF-8. */
static size_t
decode_utf8(struct str s, uint32_t *code)
{
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)s.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t sum;

	if (len == 0 || first > 0xf4 || len > s.len)
		return 0;
	sum = len == 1 ? first : first & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (!log_escape_is_continuation(s.data[i]))
			return 0;
		sum = sum << 6 | ((unsigned char)s.data[i] & 0x3fu);
	}
	if (sum < smallest[len] || sum > 0x10ffff || (sum >= 0xd800 && sum <= 0xdfff))
		return 0;
	*code = sum;
	return len;
}

/* Whether the character is a control character (C0, DEL, C1), a line or paragraph separator, or
 * changes the reading direction. */
static bool
is_dangerous(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
	       code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static size_t
put_unicode_escape(char out[8], uint32_t code)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	for (size_t i = 0; i < 4; i++)
		out[2 + i] = digits[code >> (12 - 4 * i) & 0xfu];
	return 6;
}

static char
short_escape(uint32_t code)
{
	switch (code) {
	case '"':
	case '\\':
		return (char)code;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return '\0';
	}
}

size_t
log_escape_next(struct str *s, char out[LOG_ESCAPE_MAX])
{
	uint32_t code = 0;
	size_t len = decode_utf8(*s, &code);
	const char *bytes = s->data;

	*s = str_skip(*s, len == 0 ? 1 : len);
	if (len == 0) {
		memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 3;
	}
	if (short_escape(code) != '\0') {
		out[0] = '\\';
		out[1] = short_escape(code);
		return 2;
	}
	if (is_dangerous(code))
		return put_unicode_escape(out, code);
	memcpy(out, bytes, len);
	return len;
}

bool
log_escape_json(struct buf *out, struct str value)
{
	char escaped[LOG_ESCAPE_MAX];

	buf_add_byte(out, '"');
	while (value.len > 0 && buf_is_ok(out)) {
		size_t run = log_escape_plain_run(value);

		buf_add(out, value.data, run);
		value = str_skip(value, run);
		if (value.len > 0)
			buf_add(out, escaped, log_escape_next(&value, escaped));
	}
	return buf_add_byte(out, '"');
}

bool
log_escape_text(struct buf *out, struct str value)
{
	bool is_spaced = true;

	while (value.len > 0 && buf_is_ok(out)) {
		uint32_t code = 0;
		size_t len = decode_utf8(value, &code);
		bool is_space = len > 0 && (code == ' ' || is_dangerous(code));

		if (len == 0)
			buf_add_str(out, STR("\xef\xbf\xbd")); /* U+FFFD */
		else if (!is_space)
			buf_add(out, value.data, len);
		else if (!is_spaced)
			buf_add_byte(out, ' ');
		is_spaced = is_space;
		value = str_skip(value, len == 0 ? 1 : len);
	}
	return buf_is_ok(out);
}
