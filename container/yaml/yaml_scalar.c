/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolves scalars as go-yaml does: a word from a list, or a number if the first byte allows it.
 */
#include "container/yaml/yaml_scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/ascii.h"

#define NUMBER_MAX_BYTES 400 /* longer text is a string */
#define WORD_MAX_BYTES	 5

enum word_kind { WORD_TRUE, WORD_FALSE, WORD_NULL, WORD_NO_JSON, WORD_NONE };

static enum word_kind
find_word(struct str text)
{
	static const struct {
		const char *word;
		enum word_kind kind;
	} words[] = {
		{"y", WORD_TRUE},	 {"Y", WORD_TRUE},	  {"yes", WORD_TRUE},
		{"Yes", WORD_TRUE},	 {"YES", WORD_TRUE},	  {"true", WORD_TRUE},
		{"True", WORD_TRUE},	 {"TRUE", WORD_TRUE},	  {"on", WORD_TRUE},
		{"On", WORD_TRUE},	 {"ON", WORD_TRUE},	  {"n", WORD_FALSE},
		{"N", WORD_FALSE},	 {"no", WORD_FALSE},	  {"No", WORD_FALSE},
		{"NO", WORD_FALSE},	 {"false", WORD_FALSE},	  {"False", WORD_FALSE},
		{"FALSE", WORD_FALSE},	 {"off", WORD_FALSE},	  {"Off", WORD_FALSE},
		{"OFF", WORD_FALSE},	 {"", WORD_NULL},	  {"~", WORD_NULL},
		{"null", WORD_NULL},	 {"Null", WORD_NULL},	  {"NULL", WORD_NULL},
		{".nan", WORD_NO_JSON},	 {".NaN", WORD_NO_JSON},  {".NAN", WORD_NO_JSON},
		{".inf", WORD_NO_JSON},	 {".Inf", WORD_NO_JSON},  {".INF", WORD_NO_JSON},
		{"+.inf", WORD_NO_JSON}, {"+.Inf", WORD_NO_JSON}, {"+.INF", WORD_NO_JSON},
		{"-.inf", WORD_NO_JSON}, {"-.Inf", WORD_NO_JSON}, {"-.INF", WORD_NO_JSON},
	};

	if (text.len > WORD_MAX_BYTES)
		return WORD_NONE;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_equal(text, str_from(words[i].word)))
			return words[i].kind;
	return WORD_NONE;
}

/* Removes the prefix (0x, 0o, 0b, or a leading 0 for octal) and returns the base. */
static unsigned
take_base(struct str *digits)
{
	if (digits->len < 2 || digits->data[0] != '0')
		return 10;
	switch (digits->data[1] | 0x20) {
	case 'x':
		*digits = str_skip(*digits, 2);
		return 16;
	case 'o':
		*digits = str_skip(*digits, 2);
		return 8;
	case 'b':
		*digits = str_skip(*digits, 2);
		return 2;
	default:
		*digits = str_skip(*digits, 1);
		return 8;
	}
}

enum integer_result { INTEGER_NONE, INTEGER_FITS, INTEGER_TOO_BIG };

static enum integer_result
read_integer(struct str text, int64_t *value)
{
	bool is_negative = text.data[0] == '-';
	struct str digits = str_skip(text, text.data[0] == '-' || text.data[0] == '+');
	unsigned base = take_base(&digits);
	uint64_t limit = (uint64_t)INT64_MAX + is_negative;
	uint64_t sum = 0;
	bool is_too_big = false;

	if (digits.len == 0)
		return INTEGER_NONE;
	for (size_t i = 0; i < digits.len; i++) {
		int hex = ascii_hex_value(digits.data[i]);
		unsigned digit = (unsigned)hex;

		if (hex < 0 || digit >= base)
			return INTEGER_NONE;
		if (sum > (limit - digit) / base)
			is_too_big = true;
		else
			sum = sum * base + digit;
	}
	if (is_too_big)
		return INTEGER_TOO_BIG;
	*value = is_negative ? (int64_t)(0 - sum) : (int64_t)sum;
	return INTEGER_FITS;
}

static size_t
skip_digits(struct str text, size_t at)
{
	while (at < text.len && ascii_is_digit(text.data[at]))
		at++;
	return at;
}

/* [-+]? (\.[0-9]+ | [0-9]+(\.[0-9]*)?) ([eE][-+]?[0-9]+)? */
static bool
is_float(struct str text)
{
	size_t at = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
	size_t whole = skip_digits(text, at);
	bool has_digits = whole > at;

	at = whole;
	if (at < text.len && text.data[at] == '.') {
		size_t end = skip_digits(text, at + 1);
		has_digits = has_digits || end > at + 1;
		at = end;
	}
	if (!has_digits)
		return false;
	if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
		at++;
		at += at < text.len && (text.data[at] == '-' || text.data[at] == '+');
		size_t end = skip_digits(text, at);
		if (end == at)
			return false;
		at = end;
	}
	return at == text.len;
}

/* In a number that begins with a point, underscores may only stand between digits. */
static bool
has_stray_underscore(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '_' &&
		    (i == 0 || i + 1 == text.len ||
		     !(ascii_is_digit(text.data[i - 1]) || text.data[i - 1] == '_') ||
		     !(ascii_is_digit(text.data[i + 1]))))
			return true;
	return false;
}

static struct str
without_underscores(struct str text, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '_')
			out[len++] = text.data[i];
	out[len] = '\0';
	return (struct str){out, len};
}

/* Integral values become integers, as in JSON. */
static void
set_real(struct yaml_scalar *value, double real)
{
	value->kind = NODE_REAL;
	value->real = real;
	if (real <= -9e18 || real >= 9e18 || trunc(real) < real || trunc(real) > real)
		return;
	value->kind = NODE_INT;
	value->integer = (int64_t)real;
}

static bool
resolve_number(struct str text, struct yaml_scalar *value, struct err *e)
{
	char digits[NUMBER_MAX_BYTES + 1];
	bool is_pointed = text.data[0] == '.';

	if (text.len > NUMBER_MAX_BYTES || (is_pointed && has_stray_underscore(text)))
		return true;
	struct str plain = without_underscores(text, digits);
	if (plain.len == 0)
		return true;
	switch (is_pointed ? INTEGER_NONE : read_integer(plain, &value->integer)) {
	case INTEGER_FITS:
		value->kind = NODE_INT;
		return true;
	case INTEGER_TOO_BIG:
		return err_set(e, ERR_INPUT,
			       "an integer beyond 64 bits: quote it to make a string");
	case INTEGER_NONE:
		break;
	}
	if (!is_float(plain))
		return true;
	double real = strtod(digits, NULL);
	if (isfinite(real)) /* otherwise it is a string */
		set_real(value, real);
	return true;
}

bool
yaml_scalar_resolve(struct str text, struct yaml_scalar *value, struct err *e)
{
	*value = (struct yaml_scalar){.kind = NODE_STR};
	switch (find_word(text)) {
	case WORD_TRUE:
	case WORD_FALSE:
		value->kind = NODE_BOOL;
		value->integer = find_word(text) == WORD_TRUE;
		return true;
	case WORD_NULL:
		value->kind = NODE_NULL;
		return true;
	case WORD_NO_JSON:
		return err_set(e, ERR_INPUT, "%.*s has no value in JSON: quote it to make a string",
			       STR_FMT(text));
	case WORD_NONE:
		break;
	}
	if (ascii_is_digit(text.data[0]) || strchr("+-.", text.data[0]) != NULL)
		return resolve_number(text, value, e);
	return true;
}

/* Sexagesimal numbers, dates and times, which other parsers recognise. */
static bool
is_like_number(struct str text)
{
	if (!ascii_is_digit(text.data[0]) && strchr("+-.", text.data[0]) == NULL)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_digit(text.data[i]) && strchr("+-.:_eEtTzZ ", text.data[i]) == NULL)
			return false;
	return true;
}

bool
yaml_scalar_needs_quotes(struct str text)
{
	struct yaml_scalar value;

	return !yaml_scalar_resolve(text, &value, NULL) || value.kind != NODE_STR ||
	       is_like_number(text) || str_equal(text, STR("<<")) || str_equal(text, STR("="));
}
