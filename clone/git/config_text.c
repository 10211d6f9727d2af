/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one character at a time, as git's own parser does, so that unusual input has the same
 * meaning.
 */
#include "clone/git/config_text.h"

#include "base/ascii.h"

struct reader {
	struct str rest;
	bool is_at_end;
	size_t line;
	struct buf name; /* "section." or "section.subsection.", and the variable */
	struct buf value;
	config_text_fn *fn;
	void *arg;
};

/* Reads a character. The end of the text is a newline, and so is "\r\n". */
static char
next_char(struct reader *r)
{
	char c = '\n';

	if (str_is_empty(r->rest)) {
		r->is_at_end = true;
		return c;
	}
	c = r->rest.data[0];
	if (c == '\r' && r->rest.len > 1 && r->rest.data[1] == '\n') {
		r->rest = str_skip(r->rest, 1);
		c = '\n';
	}
	r->rest = str_skip(r->rest, 1);
	if (c == '\n')
		r->line++;
	return c;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
is_key(char c)
{
	return ascii_is_alnum(c) || c == '-';
}

/* Parses the subsection up to its quote and bracket; `c` is the blank before it. */
static bool
read_subsection(struct reader *r, char c)
{
	do {
		if (c == '\n')
			return false;
		c = next_char(r);
	} while (is_space(c));
	if (c != '"')
		return false;
	buf_add_byte(&r->name, '.');
	while ((c = next_char(r)) != '"') {
		if (c == '\\')
			c = next_char(r);
		if (c == '\n' || c == '\0')
			return false;
		buf_add_byte(&r->name, c);
	}
	return next_char(r) == ']';
}

/* Parses a section after "[". */
static bool
read_section(struct reader *r)
{
	buf_clear(&r->name);
	for (;;) {
		char c = next_char(r);

		if (r->is_at_end)
			return false;
		if (c == ']')
			return r->name.len > 0;
		if (is_space(c))
			return read_subsection(r, c);
		if (!is_key(c) && c != '.')
			return false;
		buf_add_byte(&r->name, ascii_to_lower(c));
	}
}

/* Returns the byte that an escape stands for; '\0': none. */
static char
unescape(char c)
{
	switch (c) {
	case 't':
		return '\t';
	case 'b':
		return '\b';
	case 'n':
		return '\n';
	case '\\':
	case '"':
		return c;
	default:
		return '\0';
	}
}

static bool
add_escaped(struct reader *r)
{
	char c = next_char(r);

	if (c == '\n')
		return true;
	c = unescape(c);
	return c != '\0' && buf_add_byte(&r->value, c);
}

/* Parses a value up to the end of the line. Drops comments and blanks at both ends. */
static bool
read_value(struct reader *r)
{
	bool is_quoted = false;
	size_t blanks = 0;

	buf_clear(&r->value);
	for (;;) {
		char c = next_char(r);

		if (c == '\n')
			return !is_quoted && buf_is_ok(&r->value);
		if (is_space(c) && !is_quoted) {
			blanks += r->value.len > 0 ? 1 : 0;
			continue;
		}
		if (!is_quoted && (c == ';' || c == '#')) {
			while (next_char(r) != '\n')
				;
			return buf_is_ok(&r->value);
		}
		for (; blanks > 0; blanks--)
			buf_add_byte(&r->value, ' ');
		if (c == '\0' || (c == '\\' && !add_escaped(r)))
			return false;
		if (c == '"')
			is_quoted = !is_quoted;
		else if (c != '\\')
			buf_add_byte(&r->value, c);
	}
}

/* Parses a variable whose first character has been read. */
static bool
read_variable(struct reader *r, char c)
{
	struct config_text_entry entry = {.line = r->line};
	size_t section = r->name.len;
	bool ok = true;

	for (; is_key(c) && !r->is_at_end; c = next_char(r))
		buf_add_byte(&r->name, ascii_to_lower(c));
	while (c == ' ' || c == '\t')
		c = next_char(r);
	entry.has_value = c != '\n';
	if (entry.has_value)
		ok = c == '=' && read_value(r);
	ok = ok && buf_is_ok(&r->name);
	if (ok) {
		entry.name = buf_view(&r->name);
		entry.value = entry.has_value ? buf_view(&r->value) : STR_NONE;
		r->fn(&entry, r->arg);
	}
	r->name.len = section;
	return ok;
}

/* Skips to the next line that begins a section. */
static void
skip_broken(struct reader *r, size_t line)
{
	const struct config_text_entry entry = {.line = line};

	r->fn(&entry, r->arg);
	buf_clear(&r->name);
	while (!str_is_empty(r->rest)) {
		struct str blank = r->rest;

		/* A character has been read before, so data[-1] is valid. */
		while (r->rest.data[-1] == '\n' && !str_is_empty(blank) &&
		       (blank.data[0] == ' ' || blank.data[0] == '\t'))
			blank = str_skip(blank, 1);
		if (r->rest.data[-1] == '\n' && str_starts_with(blank, STR("[")))
			return;
		while (next_char(r) != '\n')
			;
	}
}

/* Parses one section, variable, comment or blank. */
static bool
read_one(struct reader *r)
{
	char c = next_char(r);

	if (is_space(c))
		return true;
	if (c == '#' || c == ';') {
		while (next_char(r) != '\n')
			;
		return true;
	}
	if (c == '[')
		return read_section(r) && buf_add_byte(&r->name, '.');
	return ascii_is_alpha(c) && read_variable(r, c);
}

void
config_text_read(struct str text, config_text_fn *fn, void *arg)
{
	struct reader r = {.rest = text, .line = 1, .fn = fn, .arg = arg};

	if (str_starts_with(text, STR("\xef\xbb\xbf")))
		r.rest = str_skip(text, 3);
	buf_init(&r.name, CONFIG_TEXT_NAME_MAX);
	buf_init(&r.value, CONFIG_TEXT_VALUE_MAX);
	while (!str_is_empty(r.rest)) {
		size_t line = r.line;

		if (!read_one(&r))
			skip_broken(&r, line);
	}
	buf_fini(&r.name);
	buf_fini(&r.value);
}

bool
config_text_split(struct str name, struct str *section, struct str *subsection,
		  struct str *variable)
{
	size_t first = str_find_byte(name, '.');
	size_t last = name.len;

	while (last > 0 && name.data[last - 1] != '.')
		last--;
	if (first == SIZE_MAX || last <= first + 1)
		return false;
	*section = str_take(name, first);
	*subsection = str_skip(str_take(name, last - 1), first + 1);
	*variable = str_skip(name, last);
	return true;
}
