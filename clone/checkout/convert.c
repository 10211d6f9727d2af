/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Applies attributes to file content, in git's order of conversions.
 */
#include "clone/checkout/convert.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

enum line_endings { LINES_AS_THEY_ARE, LINES_TEXT, LINES_GUESSED };

#define ROOM_MIN 64u

/* After "utf" and an optional '-': "16le-bom" in any case. */
static bool
is_utf(const char *encoding, const char *rest)
{
	if (strncasecmp(encoding, "utf", 3) != 0)
		return false;
	encoding += encoding[3] == '-' ? 4 : 3;
	return strcasecmp(encoding, rest) == 0;
}

/* False: there is none. */
static bool
open_converter(const char *encoding, iconv_t *converter)
{
	/* NOLINTBEGIN(performance-no-int-to-ptr): POSIX's value for failure */
	*converter = iconv_open(encoding, "UTF-8");
	if (*converter == (iconv_t)-1 && strcasecmp(encoding, "latin-1") == 0)
		*converter = iconv_open("ISO-8859-1", "UTF-8");
	return *converter != (iconv_t)-1;
	/* NOLINTEND(performance-no-int-to-ptr) */
}

static enum convert_result
run_converter(iconv_t converter, struct str in, struct buf *out)
{
	/* POSIX has it without const, though it is not written to.
	 * NOLINTNEXTLINE(performance-no-int-to-ptr) */
	char *from = (char *)(uintptr_t)in.data;
	size_t left = in.len;
	size_t room = in.len;

	for (;;) {
		char *to;
		size_t free_bytes;
		size_t result;

		if (!buf_reserve(out, room + ROOM_MIN))
			return CONVERT_FAILED;
		to = out->data + out->len;
		free_bytes = out->size - out->len;
		result = iconv(converter, &from, &left, &to, &free_bytes);
		out->len = (size_t)(to - out->data);
		if (result != (size_t)-1)
			return out->len <= out->max ? CONVERT_CHANGED : CONVERT_FAILED;
		if (errno != E2BIG)
			return CONVERT_NOT_ENCODED;
		room = 2 * left;
	}
}

/* CONVERT_CHANGED, CONVERT_NOT_ENCODED (the encoding is unknown, or `in` has bytes that are no
 * UTF-8 or characters that it lacks) or CONVERT_FAILED. */
static enum convert_result
convert_encoding(const char *encoding, struct str in, struct buf *out)
{
	iconv_t converter;
	enum convert_result result;

	if (is_utf(encoding, "16le-bom")) {
		encoding = "UTF-16LE";
		buf_add(out, "\xff\xfe", 2);
	} else if (is_utf(encoding, "16be-bom")) {
		encoding = "UTF-16BE";
		buf_add(out, "\xfe\xff", 2);
	}
	if (!open_converter(encoding, &converter))
		return CONVERT_NOT_ENCODED;
	result = buf_is_ok(out) ? run_converter(converter, in, out) : CONVERT_FAILED;
	(void)iconv_close(converter);
	return result;
}

static bool
has_value(const struct attribute_value *v, struct str text)
{
	return v->state == ATTRIBUTE_VALUE && str_equal(v->text, text);
}

/* Of `text`, or of its older name `crlf`. False: it says nothing about line endings. */
static bool
read_text(const struct attribute_value *v, enum line_endings *lines)
{
	if (v->state == ATTRIBUTE_FALSE)
		*lines = LINES_AS_THEY_ARE;
	else if (v->state == ATTRIBUTE_TRUE || has_value(v, STR("input")))
		*lines = LINES_TEXT;
	else if (has_value(v, STR("auto")))
		*lines = LINES_GUESSED;
	else
		return false;
	return true;
}

static void
set_lines(struct conversion *c, const struct attribute_value values[ATTRIBUTES])
{
	enum line_endings lines = LINES_TEXT;
	bool is_said = read_text(&values[ATTRIBUTE_TEXT], &lines) ||
		       read_text(&values[ATTRIBUTE_CRLF], &lines);
	bool is_lf = has_value(&values[ATTRIBUTE_EOL], STR("lf"));

	/* `eol` alone implies `text`. */
	c->adds_cr = lines != LINES_AS_THEY_ARE && has_value(&values[ATTRIBUTE_EOL], STR("crlf"));
	c->is_guessed = is_said && lines == LINES_GUESSED;
	c->is_whole = c->is_guessed && !is_lf;
}

/* Whether the name is one of UTF-8's, which is what blobs are in. */
static bool
is_utf8(struct str name)
{
	if (!str_starts_with_nocase(name, STR("utf")))
		return false;
	name = str_skip(name, 3);
	if (str_starts_with(name, STR("-")))
		name = str_skip(name, 1);
	return str_equal(name, STR("8"));
}

static void
set_encoding(struct conversion *c, const struct attribute_value *v)
{
	if (v->state == ATTRIBUTE_TRUE || v->state == ATTRIBUTE_FALSE)
		c->has_bad_encoding = true;
	if (v->state != ATTRIBUTE_VALUE || str_is_empty(v->text) || is_utf8(v->text))
		return;
	if (v->text.len >= sizeof(c->encoding)) {
		c->has_bad_encoding = true;
		return;
	}
	memcpy(c->encoding, v->text.data, v->text.len);
	c->encoding[v->text.len] = '\0';
	c->is_whole = true;
}

void
conversion_init(struct conversion *c, const struct attribute_value values[ATTRIBUTES])
{
	*c = (struct conversion){.has_ident = values[ATTRIBUTE_IDENT].state == ATTRIBUTE_TRUE};
	set_lines(c, values);
	set_encoding(c, &values[ATTRIBUTE_ENCODING]);
}

bool
conversion_is_needed(const struct conversion *c)
{
	return c->adds_cr || c->has_ident || c->has_bad_encoding || c->encoding[0] != '\0';
}

struct content {
	size_t lf; /* without CR */
	size_t cr; /* without LF */
	size_t crlf;
	size_t nul;
	size_t printable;
	size_t nonprintable;
};

static void
count_byte(struct content *s, unsigned char c)
{
	bool is_text_control = c == '\b' || c == '\t' || c == '\f' || c == 033;

	s->nul += c == 0;
	if (c == 0177 || (c < 32 && !is_text_control))
		s->nonprintable++;
	else
		s->printable++;
}

static struct content
count_content(struct str in)
{
	struct content s = {.lf = 0};

	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] == '\n') {
			s.lf++;
		} else if (in.data[i] != '\r') {
			count_byte(&s, (unsigned char)in.data[i]);
		} else if (i + 1 < in.len && in.data[i + 1] == '\n') {
			s.crlf++;
			i++;
		} else {
			s.cr++;
		}
	}
	/* The end of a file on CP/M and DOS. */
	if (in.len > 0 && in.data[in.len - 1] == 032)
		s.nonprintable--;
	return s;
}

/* git's guess: text with LF alone. */
static bool
is_text_with_lf(struct str in)
{
	struct content s = count_content(in);

	return s.cr == 0 && s.crlf == 0 && s.nul == 0 && s.printable >> 7 >= s.nonprintable;
}

static enum convert_result
add_cr(struct str in, struct buf *out)
{
	char before = '\0';

	if (!buf_reserve(out, in.len))
		return CONVERT_FAILED;
	for (size_t lf; (lf = str_find_byte(in, '\n')) != SIZE_MAX;) {
		if (lf > 0)
			before = in.data[lf - 1];
		buf_add_str(out, str_take(in, lf));
		buf_add_str(out, before == '\r' ? STR("\n") : STR("\r\n"));
		before = '\n';
		in = str_skip(in, lf + 1);
	}
	return buf_add_str(out, in) ? CONVERT_CHANGED : CONVERT_FAILED;
}

static enum convert_result
convert_lines(const struct conversion *c, struct str in, struct buf *out)
{
	if (!c->adds_cr || str_find_byte(in, '\n') == SIZE_MAX ||
	    (c->is_guessed && !is_text_with_lf(in)))
		return CONVERT_UNCHANGED;
	return add_cr(in, out);
}

/*
 * Expansion of $Id$ (gitattributes(5), "ident"). git has two implementations that agree on plain
 * keywords and differ on malformed ones. Both are reproduced exactly, because the content has to
 * be the same as git's.
 */

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

/* Expands $Id$ in content that git has in memory as a whole. id: of the blob, in hexadecimal. */
static bool
expand_whole(struct str in, const char *id, struct buf *out)
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

/* Expands $Id$ in content that git streams. */
static bool
expand_stream(struct str in, const char *id, struct buf *out)
{
	struct ident_stream s = {.id = id, .out = out};

	for (size_t i = 0; i < in.len && buf_is_ok(out); i++)
		read_byte(&s, in.data[i]);
	if (!s.is_in_text)
		buf_add(out, keyword, s.matched);
	return buf_is_ok(out);
}

static enum convert_result
expand_ident(const struct conversion *c, struct str in, const char *id, struct buf *out)
{
	if (!c->has_ident || str_find(in, STR("$Id")) == SIZE_MAX)
		return CONVERT_UNCHANGED;
	if (!(c->is_whole ? expand_whole(in, id, out) : expand_stream(in, id, out)))
		return CONVERT_FAILED;
	return CONVERT_CHANGED;
}

/* The last two steps, from `in`, which may lie in `out`. */
static enum convert_result
encode(const struct conversion *c, struct str in, struct buf *out)
{
	if (c->has_bad_encoding)
		return CONVERT_NOT_ENCODED;
	if (c->encoding[0] == '\0' || str_is_empty(in))
		return CONVERT_UNCHANGED;
	return convert_encoding(c->encoding, in, out);
}

/* Continues with what a step has made: `made` is moved to *in's memory. */
static void
take(enum convert_result result, struct buf *made, struct buf *kept, struct str *in)
{
	if (result == CONVERT_CHANGED) {
		struct buf old = *kept;

		*kept = *made;
		*made = old;
		*in = buf_view(kept);
	}
	buf_clear(made);
}

enum convert_result
convert_to_worktree(const struct conversion *c, struct str in, const char *id, struct buf *out)
{
	struct buf made;
	enum convert_result ident;
	enum convert_result lines = CONVERT_FAILED;
	enum convert_result encoded = CONVERT_FAILED;
	bool is_changed;

	buf_init(&made, out->max);
	ident = expand_ident(c, in, id, &made);
	take(ident, &made, out, &in);
	if (ident != CONVERT_FAILED) {
		lines = convert_lines(c, in, &made);
		take(lines, &made, out, &in);
	}
	if (lines != CONVERT_FAILED) {
		encoded = encode(c, in, &made);
		take(encoded, &made, out, &in);
	}
	buf_fini(&made);
	is_changed = ident == CONVERT_CHANGED || lines == CONVERT_CHANGED;
	if (encoded == CONVERT_NOT_ENCODED && !is_changed && !buf_add_str(out, in))
		return CONVERT_FAILED;
	return encoded == CONVERT_UNCHANGED && is_changed ? CONVERT_CHANGED : encoded;
}
