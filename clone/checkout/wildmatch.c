/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A matcher that backtracks only to the last '*' or the last "**"; backtracking further cannot find
 * another match.
 */
#include "clone/checkout/wildmatch.h"

#include "base/ascii.h"

/* Where to continue after a mismatch: the pattern after a wildcard, and the next position in the
 * text. */
struct retry {
	bool is_set;
	bool is_folders; /* "**" and its slash: matches only at the start of a component */
	size_t pattern;
	size_t text;
};

struct matcher {
	struct str pattern;
	struct str text;
	bool is_path;
	size_t p;
	size_t t;
	struct retry star;
	struct retry any; /* positions after a wildcard that matches '/' */
	uint64_t steps;
};

enum bracket { BRACKET_MATCHES, BRACKET_DIFFERS, BRACKET_INVALID };

static unsigned char
at(struct str s, size_t i)
{
	return i < s.len ? (unsigned char)s.data[i] : 0;
}

static bool
is_between(unsigned char c, unsigned char first, unsigned char last)
{
	return c >= first && c <= last;
}

/* Sets *is_in: whether c is in the class. False: there is no class of that name. */
static bool
class_has(struct str name, unsigned char c, bool *is_in)
{
	bool is_graph = is_between(c, 0x21, 0x7e);
	char a = (char)c;
	const struct {
		struct str name;
		bool is_in;
	} classes[] = {
		{STR("alnum"), ascii_is_alnum(a)},
		{STR("alpha"), ascii_is_alpha(a)},
		{STR("blank"), c == ' ' || c == '\t'},
		{STR("cntrl"), ascii_is_control(a)},
		{STR("digit"), ascii_is_digit(a)},
		{STR("graph"), is_graph},
		{STR("lower"), ascii_is_lower(a)},
		{STR("print"), is_between(c, 0x20, 0x7e)},
		{STR("punct"), is_graph && !ascii_is_alnum(a)},
		{STR("space"), c == ' ' || c == '\t' || c == '\n' || c == '\r'},
		{STR("upper"), is_between(c, 'A', 'Z')},
		{STR("xdigit"), ascii_hex_value(a) >= 0},
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (str_equal(classes[i].name, name)) {
			*is_in = classes[i].is_in;
			return true;
		}
	}
	return false;
}

/* Returns the character at *p of a bracket expression; 0: the pattern ends. */
static unsigned char
bracket_char(struct str pattern, size_t *p)
{
	if (at(pattern, *p) == '\\')
		++*p;
	return at(pattern, *p);
}

/* Parses "[:name:]" at *p and moves *p to its last ']'. False: a plain '['. */
static bool
match_class(struct str pattern, size_t *p, unsigned char c, bool *is_in, bool *is_valid)
{
	struct str rest = str_skip(pattern, *p + 2);
	size_t end = str_find_byte(rest, ']');

	*is_valid = end != SIZE_MAX;
	if (!*is_valid || end == 0 || rest.data[end - 1] != ':')
		return false;
	*is_valid = class_has(str_take(rest, end - 1), c, is_in);
	*p += 2 + end;
	return true;
}

/* Matches one element of a bracket expression at *p, and moves *p to its last byte. */
static enum bracket
match_element(struct str pattern, size_t *p, unsigned char *before, unsigned char c)
{
	unsigned char first = at(pattern, *p);
	bool is_in = false;
	bool is_valid = true;

	if (first == '-' && *before != 0 && *p + 1 < pattern.len && at(pattern, *p + 1) != ']') {
		++*p;
		is_in = is_between(c, *before, bracket_char(pattern, p));
		is_valid = *p < pattern.len;
		*before = 0;
	} else if (first == '[' && at(pattern, *p + 1) == ':' &&
		   match_class(pattern, p, c, &is_in, &is_valid)) {
		*before = 0;
	} else {
		*before = bracket_char(pattern, p);
		is_in = c == *before;
		is_valid = is_valid && *p < pattern.len;
	}
	if (!is_valid)
		return BRACKET_INVALID;
	return is_in ? BRACKET_MATCHES : BRACKET_DIFFERS;
}

/* Matches a bracket expression at m->p, and moves that to its ']'. */
static enum bracket
match_bracket(struct matcher *m, unsigned char c)
{
	bool is_negated = at(m->pattern, m->p + 1) == '!' || at(m->pattern, m->p + 1) == '^';
	size_t p = m->p + (is_negated ? 2 : 1);
	unsigned char before = 0;
	bool is_in = false;

	do {
		enum bracket element = p < m->pattern.len
					       ? match_element(m->pattern, &p, &before, c)
					       : BRACKET_INVALID;

		if (element == BRACKET_INVALID)
			return BRACKET_INVALID;
		is_in = is_in || element == BRACKET_MATCHES;
		p++;
		m->steps++;
	} while (at(m->pattern, p) != ']' || p >= m->pattern.len);
	m->p = p;
	return is_in == is_negated || (m->is_path && c == '/') ? BRACKET_DIFFERS : BRACKET_MATCHES;
}

/* Skips a run of '*' and records where to continue after a mismatch. */
static void
take_stars(struct matcher *m)
{
	size_t first = m->p;
	bool is_component;
	bool has_slash;

	while (at(m->pattern, m->p) == '*')
		m->p++;
	has_slash = at(m->pattern, m->p) == '/';
	is_component = m->p - first > 1 && (first == 0 || m->pattern.data[first - 1] == '/') &&
		       (m->p == m->pattern.len || has_slash ||
			(at(m->pattern, m->p) == '\\' && at(m->pattern, m->p + 1) == '/'));
	if (!m->is_path || is_component) {
		bool is_folders = m->is_path && is_component && has_slash;

		m->p += is_folders ? 1 : 0;
		m->any = (struct retry){true, is_folders, m->p, m->t};
		m->star.is_set = false;
	} else {
		m->star = (struct retry){true, false, m->p, m->t};
	}
}

/* Lets the last wildcard match more of the text. False: there is no wildcard left. */
static bool
go_back(struct matcher *m)
{
	if (m->star.is_set && at(m->text, m->star.text) != '/' && m->star.text < m->text.len) {
		m->p = m->star.pattern;
		m->t = ++m->star.text;
		return true;
	}
	m->star.is_set = false;
	if (!m->any.is_set || m->any.text >= m->text.len)
		return false;
	m->any.text++;
	while (m->any.is_folders && m->text.data[m->any.text - 1] != '/') {
		if (m->any.text >= m->text.len)
			return false;
		m->any.text++;
	}
	m->p = m->any.pattern;
	m->t = m->any.text;
	return true;
}

/* Matches one character of the text. False: it does not match. */
static bool
match_one(struct matcher *m, bool *is_valid)
{
	unsigned char wanted = at(m->pattern, m->p);
	unsigned char c = at(m->text, m->t);
	bool ok;

	if (m->p >= m->pattern.len || m->t >= m->text.len)
		return false;
	if (wanted == '?') {
		ok = !m->is_path || c != '/';
	} else if (wanted == '[') {
		enum bracket bracket = match_bracket(m, c);

		*is_valid = bracket != BRACKET_INVALID;
		ok = bracket == BRACKET_MATCHES;
	} else {
		if (wanted == '\\')
			m->p++;
		ok = m->p < m->pattern.len && at(m->pattern, m->p) == c;
	}
	m->p++;
	m->t++;
	return ok;
}

bool
wildmatch_within(struct str pattern, struct str text, bool is_path, uint64_t *steps_left)
{
	struct matcher m = {.pattern = pattern, .text = text, .is_path = is_path};
	bool is_valid = true;
	bool is_match = false;

	while (is_valid && m.steps < *steps_left) {
		m.steps++;
		is_match = m.p == pattern.len && m.t == text.len;
		if (is_match)
			break;
		if (at(pattern, m.p) == '*') {
			take_stars(&m);
			continue;
		}
		if (match_one(&m, &is_valid))
			continue;
		if (!is_valid || !go_back(&m))
			break;
	}
	*steps_left -= m.steps < *steps_left ? m.steps : *steps_left;
	return is_match;
}

bool
wildmatch(struct str pattern, struct str text, bool is_path)
{
	uint64_t steps_left = UINT64_MAX;

	return wildmatch_within(pattern, text, is_path, &steps_left);
}
