/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognizes lines such as "2026-01-31T12:00:00Z ERROR …" and "[12:00:00] [error] …", and JSON. The
 * level is a word near the start of the line.
 */
#include "proxy/logs/log_text.h"

#include "base/ascii.h"
#include "base/clock_parse.h"
#include "base/json.h"

#define LEVEL_WITHIN_BYTES 64u /* distance of the level from the time */
#define JSON_BYTES_MAX	   (LOG_LINE_MAX / 2)
#define JSON_FIELDS_MAX	   32u
#define ESCAPE		   '\x1b'

void
log_text_init(struct log_text *t)
{
	*t = (struct log_text){.has_time = false};
	buf_init(&t->clean, LOG_TEXT_MAX);
	buf_init(&t->value, LOG_TEXT_MAX);
	buf_init(&t->json, JSON_BYTES_MAX);
}

void
log_text_fini(struct log_text *t)
{
	buf_fini(&t->clean);
	buf_fini(&t->value);
	buf_fini(&t->json);
}

/* Skips parameter, intermediate and final bytes (ECMA-48 section 5.4). */
static struct str
skip_control_sequence(struct str s)
{
	while (s.len > 0 && s.data[0] >= 0x20 && s.data[0] <= 0x3f)
		s = str_skip(s, 1);
	return s.len > 0 && s.data[0] >= 0x40 && s.data[0] <= 0x7e ? str_skip(s, 1) : s;
}

/* Skips a control string, such as a title or link, up to BEL or ST (ECMA-48 section 5.6). */
static struct str
skip_control_string(struct str s)
{
	while (s.len > 0 && s.data[0] != '\a' && s.data[0] != ESCAPE)
		s = str_skip(s, 1);
	if (str_starts_with(s, STR("\x1b\\")))
		return str_skip(s, 2);
	return s.len > 0 && s.data[0] == '\a' ? str_skip(s, 1) : s;
}

/* Skips an escape sequence. s starts after the escape character. */
static struct str
skip_escape(struct str s)
{
	if (s.len == 0)
		return s;
	if (s.data[0] == '[')
		return skip_control_sequence(str_skip(s, 1));
	if (strchr("]PX^_", s.data[0]) != NULL && s.data[0] != '\0')
		return skip_control_string(str_skip(s, 1));
	while (s.len > 0 && s.data[0] >= 0x20 && s.data[0] <= 0x2f)
		s = str_skip(s, 1);
	return s.len > 0 && s.data[0] >= 0x30 && s.data[0] <= 0x7e ? str_skip(s, 1) : s;
}

/* Whether the last bytes are a directional mark, or a separator of lines or paragraphs. */
static bool
is_mark(unsigned char second, unsigned char third)
{
	return (second == 0x80 && (third == 0x8e || third == 0x8f)) ||
	       (second == 0x80 && third >= 0xa8 && third <= 0xae) ||
	       (second == 0x81 && third >= 0xa6 && third <= 0xa9);
}

/* Returns the length of the character at the end of s if it has to be removed: a C1 control, a
 * directional mark, a separator or U+FEFF. Else returns 0. */
static size_t
count_invisible(struct str s)
{
	unsigned char third = s.len >= 1 ? (unsigned char)s.data[s.len - 1] : 0;
	unsigned char second = s.len >= 2 ? (unsigned char)s.data[s.len - 2] : 0;
	unsigned char first = s.len >= 3 ? (unsigned char)s.data[s.len - 3] : 0;

	if ((second == 0xc2 && third >= 0x80 && third < 0xa0) || (second == 0xd8 && third == 0x9c))
		return 2;
	if (first == 0xe2 && is_mark(second, third))
		return 3;
	return first == 0xef && second == 0xbb && third == 0xbf ? 3 : 0;
}

/* Checks the characters that were appended, so that parts around an escape can't form a new one. */
static void
put(struct buf *out, char c)
{
	if (c != '\t' && ascii_is_control(c))
		return;
	buf_add_byte(out, c);
	if ((unsigned char)c >= 0x80)
		out->len -= count_invisible(buf_view(out));
}

/* Appends what a terminal would show in the end: text after a carriage return replaces the line. */
static void
clean_up(struct buf *out, struct str s)
{
	buf_clear(out);
	while (s.len > 0 && s.data[s.len - 1] == '\r')
		s.len--;
	while (s.len > 0) {
		char c = s.data[0];

		if (c == ESCAPE) {
			s = skip_escape(str_skip(s, 1));
			continue;
		}
		if (c == '\r')
			buf_clear(out);
		put(out, c);
		s = str_skip(s, 1);
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct str
skip_spaces(struct str s)
{
	while (s.len > 0 && is_space(s.data[0]))
		s = str_skip(s, 1);
	return s;
}

/* Parses a time at the start: with or without brackets, which may contain more text. */
static void
find_time(struct log_text *t)
{
	struct str rest = t->message;
	bool has_bracket = rest.len > 0 && rest.data[0] == '[';

	rest = str_skip(rest, has_bracket);
	size_t len = clock_parse_time(rest.data, rest.len, &t->time_ms, NULL);
	if (len == 0)
		return;
	t->has_time = true;
	rest = str_skip(rest, len);
	if (has_bracket && rest.len > 0 && rest.data[0] == ']')
		rest = str_skip(rest, 1);
	else if (has_bracket)
		return;
	t->message = skip_spaces(rest);
}

static const struct {
	struct str word;
	enum log_level level;
} words[] = {
	{{"error", 5}, LOG_ERROR},    {{"err", 3}, LOG_ERROR},	 {{"fatal", 5}, LOG_ERROR},
	{{"critical", 8}, LOG_ERROR}, {{"crit", 4}, LOG_ERROR},	 {{"panic", 5}, LOG_ERROR},
	{{"alert", 5}, LOG_ERROR},    {{"emerg", 5}, LOG_ERROR}, {{"warning", 7}, LOG_WARN},
	{{"warn", 4}, LOG_WARN},      {{"info", 4}, LOG_INFO},	 {{"notice", 6}, LOG_INFO},
	{{"debug", 5}, LOG_DEBUG},    {{"trace", 5}, LOG_DEBUG}, {{"verbose", 7}, LOG_DEBUG},
};

static bool
find_word(struct log_text *t, struct str word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_equal_nocase(word, words[i].word)) {
			t->level = words[i].level;
			t->has_level = true;
			return true;
		}
	}
	return false;
}

static bool
is_upper(struct str word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.data[i] < 'A' || word.data[i] > 'Z')
			return false;
	return true;
}

/* A word such as "error" is a level only in capitals, in brackets, before a colon, after "level=",
 * or as the first word. */
static bool
is_marked(struct str line, size_t at, size_t len)
{
	char before = at > 0 ? line.data[at - 1] : '\0';
	char after = at + len < line.len ? line.data[at + len] : '\0';

	return at == 0 || is_upper(str_take(str_skip(line, at), len)) || after == ':' ||
	       (before == '[' && after == ']') || (before == '<' && after == '>') ||
	       before == '=' || (before == '"' && at > 1 && line.data[at - 2] == '=');
}

static void
find_level(struct log_text *t)
{
	struct str line = str_take(t->message, LEVEL_WITHIN_BYTES);
	size_t at = 0;

	while (at < line.len && !t->has_level) {
		size_t begin = at;

		while (at < line.len && ascii_is_alpha(line.data[at]))
			at++;
		if (at > begin && is_marked(line, begin, at - begin))
			(void)find_word(t, str_take(str_skip(line, begin), at - begin));
		at += at == begin;
	}
}

static void
parse_text(struct log_text *t)
{
	t->is_continued = t->clean.len > 0 && is_space(t->clean.data[0]);
	t->message = buf_view(&t->clean);
	while (t->message.len > 0 && is_space(t->message.data[t->message.len - 1]))
		t->message.len--;
	find_time(t);
	if (!t->is_continued)
		find_level(t);
}

static bool
is_one_of(struct str name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (str_equal(name, str_from(*names)))
			return true;
	return false;
}

static void
add_field(struct log_text *t, struct json_writer *w, const struct json_member *m)
{
	char name[64];
	struct str text;

	if (m->key.len >= sizeof(name))
		return;
	memcpy(name, m->key.data, m->key.len);
	name[m->key.len] = '\0';
	switch (json_kind_of(m->value)) {
	case JSON_KIND_BOOL: {
		bool is_true = false;
		(void)!json_get_bool(m->value, "", &is_true, NULL);
		json_write_bool(w, name, is_true);
		return;
	}
	case JSON_KIND_INT: {
		int64_t number = 0;
		(void)!json_get_int(m->value, "", &number, NULL);
		json_write_int(w, name, number);
		return;
	}
	case JSON_KIND_REAL:
		json_write_real(w, name, json_real_of(m->value));
		return;
	case JSON_KIND_STR:
		if (!json_get_str(m->value, "", &text, NULL))
			return;
		clean_up(&t->value, text);
		json_write_str(w, name, buf_view(&t->value));
		return;
	case JSON_KIND_NULL:
	case JSON_KIND_ARRAY:
	case JSON_KIND_OBJECT:
		return;
	}
}

/* Accepts seconds and milliseconds since 1970. */
static void
take_number_as_time(struct log_text *t, int64_t number)
{
	if (number < INT64_C(1000000000) || number > INT64_C(10000000000000))
		return;
	t->has_time = true;
	t->time_ms = number < INT64_C(100000000000) ? number * 1000 : number;
}

/* Uses a member that is time, level or message, or has a name of our own fields. Else returns
 * false. */
static bool
take_member(struct log_text *t, const struct json_member *m, struct str *message)
{
	static const char *const times[] = {"time", "ts", "timestamp", "@timestamp", NULL};
	static const char *const levels[] = {"level", "lvl", "severity", NULL};
	static const char *const messages[] = {"message", "msg", NULL};
	static const char *const ours[] = {"file", "truncated", NULL};
	struct str text = STR_NONE;
	int64_t number;

	if (is_one_of(m->key, ours))
		return true;
	if (!json_get_str(m->value, "", &text, NULL)) {
		if (!is_one_of(m->key, times) || !json_get_int(m->value, "", &number, NULL))
			return false;
		take_number_as_time(t, number);
		return t->has_time;
	}
	if (is_one_of(m->key, times) &&
	    clock_parse_time(text.data, text.len, &t->time_ms, NULL) > 0)
		return t->has_time = true;
	if (is_one_of(m->key, levels))
		return find_word(t, text);
	if (!is_one_of(m->key, messages) || message->data != NULL)
		return false;
	*message = text;
	return true;
}

/* Cleans the message as well: it may contain text from other users. */
static bool
parse_object(struct log_text *t, const struct json_node *root)
{
	struct json_member m = {.place = NULL};
	struct str message = STR_NONE;
	struct json_writer w;
	unsigned fields = 0;

	buf_clear(&t->json);
	json_write_begin_object(&w, &t->json);
	while (json_next_member(root, &m))
		if (!take_member(t, &m, &message) && fields++ < JSON_FIELDS_MAX)
			add_field(t, &w, &m);
	if (!json_write_end_object(&w) || message.data == NULL)
		return false;
	clean_up(&t->clean, message);
	t->message = buf_view(&t->clean);
	t->fields = (struct str){t->json.data + 1, t->json.len - 2};
	return true;
}

static bool
parse_json(struct log_text *t)
{
	struct json_doc *doc = json_doc_parse(buf_view(&t->clean), NULL);
	bool ok = doc != NULL && json_is_object(json_doc_root(doc)) &&
		  parse_object(t, json_doc_root(doc));

	json_doc_free(doc);
	return ok;
}

void
log_text_parse(struct log_text *t, struct str line)
{
	t->has_time = false;
	t->has_level = false;
	t->is_continued = false;
	t->fields = STR_NONE;
	clean_up(&t->clean, str_take(line, LOG_TEXT_MAX));
	if (t->clean.len > 1 && t->clean.data[0] == '{' && parse_json(t))
		return;
	t->has_time = false;
	t->has_level = false;
	parse_text(t);
}
