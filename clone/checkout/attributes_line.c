/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses lines exactly as git does, including which malformed lines are ignored, and matches
 * patterns.
 */
#include "clone/checkout/attributes_line.h"

#include "base/ascii.h"
#include "clone/checkout/wildmatch.h"

#define MACRO_PREFIX STR("[attr]")

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
is_word(char c)
{
	return !is_blank(c);
}

static bool
is_literal(char c)
{
	return c != '*' && c != '?' && c != '[' && c != '\\';
}

/* Returns the length of the prefix of characters of this kind. */
static size_t
prefix_len(struct str s, bool (*is_kind)(char c))
{
	size_t len = 0;

	while (len < s.len && is_kind(s.data[len]))
		len++;
	return len;
}

static bool
is_valid_name(struct str name)
{
	return !str_is_empty(name) && name.data[0] != '-' && ascii_all_alnum_or(name, STR("-._"));
}

bool
attributes_line_next(struct str *states, struct str *name, struct attribute_value *value)
{
	struct str word = str_take(*states, prefix_len(*states, is_word));
	size_t equals = str_find_byte(word, '=');

	if (str_is_empty(word))
		return false;
	*states = str_skip(*states, word.len);
	*states = str_skip(*states, prefix_len(*states, is_blank));
	*name = str_take(word, equals == SIZE_MAX ? word.len : equals);
	*value = (struct attribute_value){.state = ATTRIBUTE_TRUE};
	if (word.data[0] == '-' || word.data[0] == '!') {
		*name = str_skip(*name, 1);
		value->state = word.data[0] == '-' ? ATTRIBUTE_FALSE : ATTRIBUTE_UNSPECIFIED;
	} else if (equals != SIZE_MAX) {
		value->state = ATTRIBUTE_VALUE;
		value->text = str_skip(word, equals + 1);
	}
	return true;
}

static bool
are_valid(struct str states)
{
	struct str name;
	struct attribute_value value;

	while (attributes_line_next(&states, &name, &value)) {
		if (!is_valid_name(name))
			return false;
	}
	return true;
}

/* Decodes the escape sequence whose first character is at *i, and moves *i to its last one; -1:
 * there is no such sequence. */
static int
unescape(struct str text, size_t *i)
{
	static const char names[] = "abfnrtv\\\"";
	static const char bytes[] = "\a\b\f\n\r\t\v\\\"";
	char c = *i < text.len ? text.data[*i] : '\0';
	const char *found = c == '\0' ? NULL : strchr(names, c);
	int value = 0;

	if (found != NULL)
		return (unsigned char)bytes[found - names];
	if (c < '0' || c > '3')
		return -1;
	for (size_t digit = 0; digit < 3; digit++, ++*i) {
		if (*i >= text.len || text.data[*i] < '0' || text.data[*i] > '7')
			return -1;
		value = value << 3 | (text.data[*i] - '0');
	}
	--*i;
	return value;
}

/* Parses a name in double quotes at the start of the text; *end is the offset after it. */
static bool
unquote(struct str text, struct str *name, size_t *end, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len);
	size_t len = 0;

	for (size_t i = 1; out != NULL && i < text.len; i++) {
		int byte = (unsigned char)text.data[i];

		if (byte == '"') {
			*name = (struct str){out, len};
			*end = i + 1;
			return true;
		}
		if (byte == '\\') {
			i++;
			byte = unescape(text, &i);
		}
		if (byte < 0)
			return false;
		out[len++] = (char)byte;
	}
	return false;
}

/* Parses a pattern. False: git ignores it (a negative pattern), or it matches only folders. */
static bool
read_pattern(struct attribute_pattern *p, struct str text)
{
	size_t nul = str_find_byte(text, '\0');

	text = str_take(text, nul == SIZE_MAX ? text.len : nul);
	if (str_starts_with(text, STR("!")) || str_ends_with(text, STR("/")))
		return false;
	*p = (struct attribute_pattern){
		.text = text,
		.literal_len = prefix_len(text, is_literal),
		.is_name = str_find_byte(text, '/') == SIZE_MAX,
		.is_suffix = str_starts_with(text, STR("*")) &&
			     prefix_len(str_skip(text, 1), is_literal) == text.len - 1,
	};
	return true;
}

static enum attributes_line_kind
read_line(struct attributes_line *line, struct str text, struct arena *arena)
{
	struct str name;
	size_t end = 0;

	if (text.data[0] != '"' || !unquote(text, &name, &end, arena)) {
		name = str_take(text, prefix_len(text, is_word));
		end = name.len;
	}
	line->states = str_skip(text, end);
	line->states = str_skip(line->states, prefix_len(line->states, is_blank));
	if (name.len > MACRO_PREFIX.len && str_starts_with(name, MACRO_PREFIX)) {
		name = str_skip(name, MACRO_PREFIX.len);
		name = str_skip(name, prefix_len(name, is_blank));
		line->macro = str_take(name, prefix_len(name, is_word));
		return is_valid_name(line->macro) && are_valid(line->states)
			       ? ATTRIBUTES_LINE_MACRO
			       : ATTRIBUTES_LINE_IGNORED;
	}
	return are_valid(line->states) && read_pattern(&line->pattern, name)
		       ? ATTRIBUTES_LINE_RULE
		       : ATTRIBUTES_LINE_IGNORED;
}

bool
attributes_line_read(struct str *text, struct attributes_line *line, struct arena *arena)
{
	struct str rest;
	struct str whole;

	if (str_is_empty(*text) || !str_next(text, '\n', &whole))
		return false;
	*line = (struct attributes_line){.kind = ATTRIBUTES_LINE_IGNORED};
	rest = str_skip(whole, prefix_len(whole, is_blank));
	if (!str_is_empty(rest) && rest.data[0] != '#' && whole.len < ATTRIBUTES_LINE_MAX)
		line->kind = read_line(line, rest, arena);
	return true;
}

static bool
matches_name(const struct attribute_pattern *p, struct str name, uint64_t *steps_left)
{
	if (p->literal_len == p->text.len)
		return str_equal(p->text, name);
	if (p->is_suffix)
		return str_ends_with(name, str_skip(p->text, 1));
	return wildmatch_within(p->text, name, false, steps_left);
}

bool
attributes_line_matches(const struct attribute_pattern *p, struct str path, struct str name,
			uint64_t *steps_left)
{
	struct str pattern = p->text;
	size_t literal = p->literal_len;

	if (p->is_name)
		return matches_name(p, name, steps_left);
	if (pattern.data[0] == '/') {
		pattern = str_skip(pattern, 1);
		literal--;
	}
	if (!str_starts_with(path, str_take(pattern, literal)))
		return false;
	/* git matches the text after the literal part with a separate pattern, at whose start "**"
	 * counts as a component. */
	pattern = str_skip(pattern, literal);
	path = str_skip(path, literal);
	return str_is_empty(pattern) ? str_is_empty(path)
				     : wildmatch_within(pattern, path, true, steps_left);
}
