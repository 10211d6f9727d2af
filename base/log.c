/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is built in one buffer on the stack and leaves in one write, without malloc or printf:
 * every request logs. Whatever could end the line, move a terminal's cursor or reorder what it
 * shows is escaped, in names, messages and values alike.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_repeats.h"

#define CUT_MARK      "\xe2\x80\xa6[cut]" /* follows a value that was cut */
#define PARENTS_MAX   8			  /* contexts above one another that are printed */
#define TAIL_RESERVED 64		  /* room for what closes a line */

static struct {
	enum log_level level;
	enum log_format format;
	int fd;
	atomic_uint_fast64_t dropped; /* lines lost since the last one that got through */
	atomic_bool is_torn;	      /* the sink took a part of a line: end it first */
} sink = {.level = LOG_INFO, .format = LOG_JSON, .fd = STDERR_FILENO};

struct line {
	char *at;
	char *end; /* additions stop here */
	bool is_full;
	char data[LOG_LINE_MAX];
};

void
log_configure(enum log_level level, enum log_format format, int fd)
{
	sink.level = level;
	sink.format = format;
	sink.fd = fd;
	atomic_store(&sink.dropped, 0);
	atomic_store(&sink.is_torn, false);
}

void
log_set_level(enum log_level level)
{
	sink.level = level;
}

int
log_open_sink(int fd)
{
	char path[32];
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode))
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)fcntl(fd, F_SETPIPE_SZ, LOG_PIPE_BYTES);
	/* Opened anew, because O_NONBLOCK is shared by all who have the old one. A container's pipe
	 * belongs to who started it, and can't be; only our own processes have that one. */
	int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (own >= 0)
		return own;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return fd;
}

bool
log_is_enabled(enum log_level level)
{
	return level >= sink.level && level < LOG_OFF;
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static size_t
plain_run(struct str s)
{
	size_t n = 0;

	while (n < s.len && is_plain((unsigned char)s.data[n]))
		n++;
	return n;
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0u) == 0x80u;
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
		if (!is_continuation(s.data[i]))
			return 0;
		sum = sum << 6 | ((unsigned char)s.data[i] & 0x3fu);
	}
	if (sum < smallest[len] || sum > 0x10ffff || (sum >= 0xd800 && sum <= 0xdfff))
		return 0;
	*code = sum;
	return len;
}

/* C0, DEL and C1 controls, line and paragraph separators, and what changes the reading direction.
 */
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

/* Writes the first character of *s, which is not empty, in its escaped form and skips it. */
static size_t
escape_next(struct str *s, char out[8])
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
	char escaped[8];

	buf_add_byte(out, '"');
	while (value.len > 0 && buf_is_ok(out)) {
		size_t run = plain_run(value);

		buf_add(out, value.data, run);
		value = str_skip(value, run);
		if (value.len > 0)
			buf_add(out, escaped, escape_next(&value, escaped));
	}
	return buf_add_byte(out, '"');
}

static void
add(struct line *l, const char *data, size_t len)
{
	if (l->is_full || len > (size_t)(l->end - l->at)) {
		l->is_full = true;
		return;
	}
	if (len > 0)
		memcpy(l->at, data, len);
	l->at += len;
}

static void
add_literal(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

static void
add_escaped(struct line *l, struct str value)
{
	char escaped[8];

	while (value.len > 0 && !l->is_full) {
		size_t run = plain_run(value);

		add(l, value.data, run);
		value = str_skip(value, run);
		if (value.len > 0) {
			size_t len = escape_next(&value, escaped);

			add(l, escaped, len);
		}
	}
}

/* At most LOG_VALUE_MAX bytes, without splitting a character. */
static struct str
cut_value(struct str value)
{
	size_t len = LOG_VALUE_MAX;

	if (value.len <= LOG_VALUE_MAX)
		return value;
	while (len > LOG_VALUE_MAX - 3 && is_continuation(value.data[len]))
		len--;
	return str_take(value, is_continuation(value.data[len]) ? LOG_VALUE_MAX : len);
}

static void
add_text(struct line *l, struct str value)
{
	struct str kept = cut_value(value);

	add_escaped(l, kept);
	if (kept.len < value.len)
		add_literal(l, CUT_MARK);
}

static void
add_number(struct line *l, int64_t number)
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

/* Only the milliseconds change from one line to most others. */
static void
add_time(struct line *l)
{
	static _Thread_local int64_t cached_s = INT64_MIN;
	static _Thread_local char cached[CLOCK_RFC3339_SIZE];
	int64_t now_ms = clock_wall_ms();
	int64_t second = now_ms / 1000 - (now_ms % 1000 < 0);
	int ms = (int)(now_ms - second * 1000);

	if (second != cached_s) {
		clock_format_rfc3339(second * 1000, cached, sizeof(cached));
		cached_s = second;
	}
	cached[20] = (char)('0' + ms / 100);
	cached[21] = (char)('0' + ms / 10 % 10);
	cached[22] = (char)('0' + ms % 10);
	add(l, cached, 24);
}

/* Whether a value can stand in a text line without quotes. */
static bool
is_bare(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (!is_plain((unsigned char)value.data[i]) || value.data[i] == ' ' ||
		    value.data[i] == '=')
			return false;
	}
	return value.len > 0 && value.len <= LOG_VALUE_MAX;
}

static void
add_value(struct line *l, const struct log_field *field)
{
	switch (field->type) {
	case LOG_TYPE_NONE:
		add_literal(l, "null");
		return;
	case LOG_TYPE_STR:
		if (sink.format == LOG_TEXT && is_bare(field->text)) {
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
		if (sink.format == LOG_TEXT)
			add_literal(l, "ms");
		return;
	}
}

/* A field that does not fit leaves no trace of itself. */
static void
add_field(struct line *l, const struct log_field *field)
{
	char *before = l->at;

	if (sink.format == LOG_JSON) {
		add(l, ",\"", 2);
		add_escaped(l, str_from(field->name));
		add(l, "\":", 2);
	} else {
		add(l, " ", 1);
		add_escaped(l, str_from(field->name));
		add(l, "=", 1);
	}
	add_value(l, field);
	if (l->is_full)
		l->at = before;
}

static void
add_context(struct line *l, const struct log_context *context)
{
	const struct log_context *chain[PARENTS_MAX];
	size_t depth = 0;

	for (; context != NULL && depth < PARENTS_MAX; context = context->parent)
		chain[depth++] = context;
	while (depth > 0) {
		const struct log_field *fields = chain[--depth]->fields;

		for (size_t i = 0; i < LOG_CONTEXT_FIELDS && !l->is_full; i++) {
			if (fields[i].name != NULL)
				add_field(l, &fields[i]);
		}
	}
}

static void
add_head(struct line *l, enum log_level level, const char *message)
{
	static const char *const json_levels[] = {"debug", "info", "warn", "error", "off"};
	static const char *const text_levels[] = {" DEBUG ", " INFO  ", " WARN  ", " ERROR ",
						  " OFF   "};

	if (sink.format == LOG_JSON) {
		add_literal(l, "{\"time\":\"");
		add_time(l);
		add_literal(l, "\",\"level\":\"");
		add_literal(l, json_levels[level]);
		add_literal(l, "\",\"message\":\"");
		add_text(l, str_from(message));
		add(l, "\"", 1);
	} else {
		add_time(l);
		add_literal(l, text_levels[level]);
		add_text(l, str_from(message));
	}
}

/* Uses the reserved room; says what is missing. */
static void
add_tail(struct line *l, uint64_t dropped)
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
	add_literal(l, sink.format == LOG_JSON ? "}\n" : "\n");
}

/* What waits for log_flush; of the one thread that holds lines. As much as a pipe takes whole, so
 * that no line is torn or mixed with another process's. */
#define HELD_MAX PIPE_BUF

static struct {
	void (*on_held)(void *arg); /* NULL: nothing is held */
	void *arg;
	size_t len;
	char data[HELD_MAX];
} held;
static _Thread_local bool holds;
static struct log_repeats repeats; /* of the same thread */

static void tell_repeats(bool all);

static uint64_t
count_lines(const char *data, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	return lines;
}

void
log_flush(void)
{
	ssize_t written;
	size_t len = held.len;

	if (!holds || len == 0)
		return;
	held.len = 0;
	if (atomic_load(&sink.is_torn)) {
		/* Rare: the newline for the torn line goes ahead on its own. */
		if (write(sink.fd, "\n", 1) != 1) {
			atomic_fetch_add(&sink.dropped, count_lines(held.data, len));
			return;
		}
		atomic_store(&sink.is_torn, false);
	}
	do
		written = write(sink.fd, held.data, len);
	while (written < 0 && errno == EINTR);
	size_t done = written < 0 ? 0 : (size_t)written;
	if (done == len)
		return;
	atomic_fetch_add(&sink.dropped, count_lines(held.data + done, len - done));
	atomic_store(&sink.is_torn, done > 0 && held.data[done - 1] != '\n');
}

void
log_hold(void (*on_held)(void *arg), void *arg)
{
	if (holds && on_held == NULL)
		tell_repeats(true);
	log_flush();
	held.on_held = on_held;
	held.arg = arg;
	holds = on_held != NULL;
}

/* False: the line has to be written at once. */
static bool
hold_line(enum log_level level, const struct line *l, uint64_t dropped)
{
	size_t len = (size_t)(l->at - l->data) - 1;

	if (!holds)
		return false;
	if (level >= LOG_WARN || dropped > 0 || len > sizeof(held.data) - held.len)
		log_flush();
	if (level >= LOG_WARN || dropped > 0 || len > sizeof(held.data))
		return false;
	memcpy(held.data + held.len, l->data + 1, len);
	held.len += len;
	if (held.len == len)
		held.on_held(held.arg);
	return true;
}

static void
write_line(const struct line *l, uint64_t dropped)
{
	const char *start = l->data;
	ssize_t written;
	size_t len;

	/* The line starts with a newline of its own, which is for a torn line before it. */
	if (!atomic_load(&sink.is_torn))
		start++;
	len = (size_t)(l->at - start);
	do
		written = write(sink.fd, start, len);
	while (written < 0 && errno == EINTR);
	if (written == (ssize_t)len) {
		atomic_store(&sink.is_torn, false);
		atomic_fetch_sub(&sink.dropped, dropped);
		return;
	}
	atomic_fetch_add(&sink.dropped, 1);
	if (written > 0)
		atomic_store(&sink.is_torn, true);
}

static void
write_fields(enum log_level level, const struct log_context *context, const char *message,
	     const struct log_field *fields)
{
	uint64_t dropped = atomic_load(&sink.dropped);
	struct line l;

	l.at = l.data;
	l.end = l.data + sizeof(l.data) - TAIL_RESERVED;
	l.is_full = false;
	add(&l, "\n", 1);
	add_head(&l, level, message);
	add_context(&l, context);
	for (; fields->name != NULL && !l.is_full; fields++)
		add_field(&l, fields);
	add_tail(&l, dropped);
	if (!hold_line(level, &l, dropped))
		write_line(&l, dropped);
}

/* How many lines of which warning were left out, where its period is over. */
static void
tell_repeats(bool all)
{
	uint64_t now_ms = clock_monotonic_ms();
	const char *message;
	uint64_t left_out;

	while ((message = log_repeats_take(&repeats, now_ms, all, &left_out)) != NULL)
		write_fields(LOG_WARN, NULL, "repeated lines left out",
			     (const struct log_field[]){log_cstr("of", message),
							log_int("lines", (int64_t)left_out),
							LOG_END});
}

void
log_write(enum log_level level, const struct log_context *context, const char *message,
	  const struct log_field *fields)
{
	int saved_errno = errno;

	if (!log_is_enabled(level))
		return;
	if (holds && repeats.limited > 0)
		tell_repeats(false);
	if (!holds || level < LOG_WARN ||
	    log_repeats_admit(&repeats, message, clock_monotonic_ms()))
		write_fields(level, context, message, fields);
	errno = saved_errno;
}
