/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats a log line as JSON or text. Without malloc and printf, because every request is logged.
 */
#include "base/log/log_line.h"

#include "base/clock.h"
#include "base/log/log_escape.h"
#include "base/log/log_record.h"

#define CUT_MARK      "\xe2\x80\xa6[cut]" /* follows a value that was cut */
#define PARENTS_MAX   8			  /* nested contexts that are printed */
#define TAIL_RESERVED 64		  /* reserved for the end of a line */
#define NAME_AROUND   4			  /* of a name: a comma, two quotes and a colon */

static inline void
add(struct log_line *l, const char *data, size_t len)
{
	if (l->is_full || len > (size_t)(l->end - l->at)) {
		l->is_full = true;
		return;
	}
	if (len > 0)
		memcpy(l->at, data, len);
	l->at += len;
}

static inline void
add_literal(struct log_line *l, const char *text)
{
	add(l, text, strlen(text));
}

static void
add_escaped(struct log_line *l, struct str value)
{
	char escaped[LOG_ESCAPE_MAX];

	while (value.len > 0 && !l->is_full) {
		size_t run = log_escape_plain_run(value);

		add(l, value.data, run);
		value = str_skip(value, run);
		if (value.len > 0) {
			size_t len = log_escape_next(&value, escaped);

			add(l, escaped, len);
		}
	}
}

/* Returns at most LOG_VALUE_MAX bytes, without splitting a character. */
static struct str
cut_value(struct str value)
{
	size_t len = LOG_VALUE_MAX;

	if (value.len <= LOG_VALUE_MAX)
		return value;
	while (len > LOG_VALUE_MAX - 3 && log_escape_is_continuation(value.data[len]))
		len--;
	return str_take(value, log_escape_is_continuation(value.data[len]) ? LOG_VALUE_MAX : len);
}

static void
add_text(struct log_line *l, struct str value)
{
	struct str kept = cut_value(value);

	add_escaped(l, kept);
	if (kept.len < value.len)
		add_literal(l, CUT_MARK);
}

static void
add_number(struct log_line *l, int64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		add(l, "-", 1);
	add(l, digits + at, sizeof(digits) - at);
}

/* Formats the time; in most lines only the milliseconds differ from the line before. */
static void
add_time(struct log_line *l)
{
	static _Thread_local int64_t cached_s = INT64_MIN;
	static _Thread_local char cached[CLOCK_RFC3339_SIZE];
	int64_t now_ms = clock_wall_us() / 1000;
	int64_t second = now_ms / 1000 - (now_ms % 1000 < 0);
	int ms = (int)(now_ms - second * 1000);

	l->time_ms = now_ms;
	if (second != cached_s) {
		clock_format_rfc3339(second * 1000, cached, sizeof(cached));
		cached_s = second;
	}
	cached[20] = (char)('0' + ms / 100);
	cached[21] = (char)('0' + ms / 10 % 10);
	cached[22] = (char)('0' + ms % 10);
	add(l, cached, 24);
}

/* Whether a value needs no quotes in a text line. */
static bool
is_bare(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!log_escape_is_plain((unsigned char)value.data[i]) || value.data[i] == ' ' ||
		    value.data[i] == '=')
			return false;
	}
	return value.len > 0 && value.len <= LOG_VALUE_MAX;
}

static void
add_value(struct log_line *l, const struct log_field *field)
{
	switch (field->type) {
	case LOG_TYPE_NONE:
		add_literal(l, "null");
		return;
	case LOG_TYPE_STR:
		if (l->format == LOG_TEXT && is_bare(field->text)) {
			add(l, field->text.data, field->text.len);
			return;
		}
		add(l, "\"", 1);
		add_text(l, field->text);
		add(l, "\"", 1);
		return;
	case LOG_TYPE_INT:
		add_number(l, field->number);
		return;
	case LOG_TYPE_BOOL:
		add_literal(l, field->number != 0 ? "true" : "false");
		return;
	case LOG_TYPE_MS:
		add_number(l, field->number);
		if (l->format == LOG_TEXT)
			add_literal(l, "ms");
		return;
	}
}

static void
add_name(struct log_line *l, struct str name)
{
	char *at = l->at;

	if (l->is_full || name.len + NAME_AROUND > (size_t)(l->end - at)) {
		l->is_full = true;
		return;
	}
	if (l->format == LOG_JSON) {
		*at++ = ',';
		*at++ = '"';
	} else {
		*at++ = ' ';
	}
	memcpy(at, name.data, name.len);
	at += name.len;
	if (l->format == LOG_JSON) {
		*at++ = '"';
		*at++ = ':';
	} else {
		*at++ = '=';
	}
	l->at = at;
}

/* Adds a field, or nothing if it does not fit. */
static void
add_field(struct log_line *l, const struct log_field *field)
{
	char *before = l->at;

	add_name(l, field->name);
	add_value(l, field);
	if (l->is_full)
		l->at = before;
}

static void
add_head(struct log_line *l, enum log_level level, const char *message)
{
	static const char *const text_levels[] = {" DEBUG ", " INFO  ", " WARN  ", " ERROR ",
						  " OFF   "};

	if (l->format == LOG_JSON) {
		add_literal(l, "{\"time\":\"");
		add_time(l);
		add_literal(l, "\",\"level\":\"");
		add_literal(l, log_level_name(level));
		add_literal(l, "\",\"message\":\"");
		l->message = l->at;
		add_text(l, str_from(message));
		l->message_end = l->at;
		add(l, "\"", 1);
		l->fields = l->at;
	} else {
		add_time(l);
		add_literal(l, text_levels[level]);
		add_text(l, str_from(message));
	}
}

void
log_line_begin(struct log_line *l, enum log_format format, enum log_level level,
	       const char *message)
{
	l->at = l->data;
	l->end = l->data + sizeof(l->data) - TAIL_RESERVED;
	l->is_full = false;
	l->format = format;
	l->fields = NULL;
	add(l, "\n", 1);
	add_head(l, level, message);
}

void
log_line_add_context(struct log_line *l, const struct log_context *context)
{
	const struct log_context *chain[PARENTS_MAX];
	size_t depth = 0;

	for (; context != NULL && depth < PARENTS_MAX; context = context->parent)
		chain[depth++] = context;
	while (depth > 0) {
		const struct log_field *fields = chain[--depth]->fields;

		for (size_t i = 0; i < LOG_CONTEXT_FIELDS && !l->is_full; i++) {
			if (fields[i].name.len > 0)
				add_field(l, &fields[i]);
		}
	}
}

void
log_line_add_fields(struct log_line *l, const struct log_field *fields)
{
	for (; fields->name.len > 0 && !l->is_full; fields++)
		add_field(l, fields);
}

/* Ends the line within the reserved bytes; says if fields are missing. */
void
log_line_end(struct log_line *l, uint64_t dropped)
{
	struct log_field truncated = log_bool("truncated", true);
	struct log_field lost = log_int("lines_dropped", (int64_t)dropped);
	bool is_truncated = l->is_full;

	l->is_full = false;
	l->end = l->data + sizeof(l->data);
	if (is_truncated)
		add_field(l, &truncated);
	if (dropped > 0)
		add_field(l, &lost);
	add_literal(l, l->format == LOG_JSON ? "}\n" : "\n");
}
