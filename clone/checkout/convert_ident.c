/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $Id$ as git expands it in memory and in streams.
 */
#include "clone/checkout/convert_ident.h"

/* The prefix that the stream searches for; git compares its NUL too. */
static const char keyword[] = "$Id";
#define KEYWORD_LEN (sizeof(keyword) - 1)

/* Returns the length of "Id$" or "Id:…$" after a dollar sign; 0: nothing to expand; SIZE_MAX: no
 * further dollar sign follows. */
static size_t
keyword_length(struct str rest)
{
	size_t end;
	size_t space;

	if (rest.len < 3 || !str_starts_with(rest, STR("Id")))
		return 0;
	if (rest.data[2] == '$')
		return 3;
	if (rest.data[2] != ':')
		return 0;
	rest = str_skip(rest, 3);
	end = str_find_byte(rest, '$');
	if (end == SIZE_MAX)
		return SIZE_MAX;
	rest = str_take(rest, end);
	if (str_find_byte(rest, '\n') != SIZE_MAX)
		return 0;
	/* A value with blanks inside belongs to another version control system. */
	space = str_find_byte(str_skip(rest, 1), ' ');
	return space == SIZE_MAX || space + 2 >= rest.len ? 3 + end + 1 : 0;
}

bool
convert_ident_whole(struct str in, const char *id, struct buf *out)
{
	size_t dollar;

	while ((dollar = str_find_byte(in, '$')) != SIZE_MAX) {
		size_t len = keyword_length(str_skip(in, dollar + 1));

		buf_add_str(out, str_take(in, dollar + 1));
		in = str_skip(in, dollar + 1);
		if (len == SIZE_MAX)
			break;
		if (len > 0)
			buf_addf(out, "Id: %s $", id);
		in = str_skip(in, len);
	}
	return buf_add_str(out, in);
}

/* Whether the value of the keyword contains blanks, so that it is not git's. */
static bool
is_foreign(struct str text)
{
	size_t end = str_find_byte(text, '\0');

	text = str_take(text, end == SIZE_MAX ? text.len : end);
	if (!str_starts_with(text, STR("$Id: ")))
		return false;
	for (size_t i = 5; i < text.len; i++) {
		char c = text.data[i];

		if ((c == ' ' || c == '\t' || c == '\n' || c == '\r') &&
		    (i + 1 == text.len || text.data[i + 1] != '$'))
			return true;
	}
	return false;
}

struct ident_stream {
	const char *id;
	struct buf *out;
	size_t held;	 /* where in out what may still change starts */
	size_t matched;	 /* bytes of keyword */
	bool is_in_text; /* after "$Id:" */
};

static void
read_in_text(struct ident_stream *s, char c)
{
	struct str text;

	buf_add_byte(s->out, c);
	if (c != '\n' && c != '$')
		return;
	text = str_skip(buf_view(s->out), s->held);
	if (c == '$' && !is_foreign(text)) {
		s->out->len = s->held + KEYWORD_LEN;
		buf_addf(s->out, ": %s $", s->id);
	}
	s->is_in_text = false;
	s->matched = 0;
	s->held = s->out->len;
}

/* Handles a character after the whole keyword. */
static void
end_keyword(struct ident_stream *s, char c)
{
	if (c == '$')
		buf_addf(s->out, ": %s $", s->id);
	else
		buf_add_byte(s->out, c);
	s->is_in_text = c == ':';
	if (c == ':')
		return;
	s->matched = 0;
	/* Other characters after "$Id" are held together with it. */
	if (c == '$')
		s->held = s->out->len;
}

static void
read_byte(struct ident_stream *s, char c)
{
	if (s->is_in_text) {
		read_in_text(s, c);
		return;
	}
	if (s->matched < sizeof(keyword) && c == keyword[s->matched]) {
		s->matched++;
		return;
	}
	buf_add(s->out, keyword, s->matched);
	if (s->matched == KEYWORD_LEN) {
		end_keyword(s, c);
		return;
	}
	buf_add_byte(s->out, c);
	s->matched = 0;
	s->held = s->out->len;
}

bool
convert_ident_stream(struct str in, const char *id, struct buf *out)
{
	struct ident_stream s = {.id = id, .out = out};

	for (size_t i = 0; i < in.len && buf_is_ok(out); i++)
		read_byte(&s, in.data[i]);
	if (!s.is_in_text)
		buf_add(out, keyword, s.matched);
	return buf_is_ok(out);
}
