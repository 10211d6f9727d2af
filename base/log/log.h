/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured logging: one line per event, JSON or text, with the caller's context.
 *
 *	log_info(&conn->log, "request done", log_int("status", 200), log_str("path", path));
 *
 * Values are bounded (LOG_VALUE_MAX) and escaped, so that one event is always one line. There is no
 * field type for secrets. The log's state is global.
 */
#ifndef BASE_LOG_LOG_H
#define BASE_LOG_LOG_H

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_JSON, LOG_TEXT };

#define LOG_VALUE_MAX 1024 /* bytes of one value before escaping; the rest is cut and marked */
/* Bytes of one line; further fields are left out, which the line says. */
#define LOG_LINE_MAX 16384

enum log_type { LOG_TYPE_NONE, LOG_TYPE_STR, LOG_TYPE_INT, LOG_TYPE_BOOL, LOG_TYPE_MS };

struct log_field {
	struct str name; /* lower_snake_case and stable: operators write queries for it */
	enum log_type type;
	struct str text;
	int64_t number;
};

/* Fields of every line logged with this context, after those of its parent. */
#define LOG_CONTEXT_FIELDS 3
struct log_context {
	const struct log_context *parent; /* may be NULL; must outlive this */
	struct log_field fields[LOG_CONTEXT_FIELDS];
};

/* Names are literals of letters that need no escapes. log_ms is a duration in milliseconds.
 * log_secret prints "[redacted]": it shows that there is a value. */
#define log_str(name, ...)    log_text_field(STR(name), __VA_ARGS__)
#define log_cstr(name, value) log_text_field(STR(name), str_from(value))
#define log_secret(name)      log_text_field(STR(name), STR("[redacted]"))
#define log_int(name, ...)    log_number_field(STR(name), LOG_TYPE_INT, __VA_ARGS__)
#define log_bool(name, value) log_number_field(STR(name), LOG_TYPE_BOOL, value)
#define log_ms(name, value)   log_number_field(STR(name), LOG_TYPE_MS, value)

static inline struct log_field
log_text_field(struct str name, struct str value)
{
	return (struct log_field){.name = name, .type = LOG_TYPE_STR, .text = value};
}

static inline struct log_field
log_number_field(struct str name, enum log_type type, int64_t value)
{
	return (struct log_field){.name = name, .type = type, .number = value};
}

/* The error's message as the field "error". */
static inline struct log_field
log_err(const struct err *e)
{
	return log_cstr("error", e->text);
}

#define LOG_END		      ((struct log_field){.type = LOG_TYPE_NONE})
#define LOG_FIRST(first, ...) first
#define LOG_REST(first, ...)  __VA_ARGS__

/* Logs a message (a literal) and any number of fields. context may be NULL. */
#define log_through(writer, level, context, ...)                                                   \
	do {                                                                                       \
		if (log_is_enabled(level))                                                         \
			writer((level), (context), LOG_FIRST(__VA_ARGS__, 0),                      \
			       (const struct log_field[]){LOG_REST(__VA_ARGS__, LOG_END)});        \
	} while (0)
#define log_at(level, ...) log_through(log_write, level, __VA_ARGS__)
#define log_debug(...)	   log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)	   log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)	   log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...)	   log_at(LOG_ERROR, __VA_ARGS__)
/* As log_info, for lines that every request causes: observers (base/log/log_record.h) do not get
 * them. */
#define log_traffic(...) log_through(log_write_unobserved, LOG_INFO, __VA_ARGS__)

/* Sets level, format and descriptor (default: standard error). Lines that the sink does not take
 * are dropped and counted. */
void log_configure(enum log_level level, enum log_format format, int fd);

void log_set_level(enum log_level level);

/* The number of lines that the sink did not take since the start of the process. */
uint64_t log_lines_lost(void);

/*
 * Returns a descriptor for log_configure that never blocks the writer: pipes and terminals are
 * opened again with O_NONBLOCK; if a pipe can't be, the flag is set on it. Pipes get a buffer of
 * LOG_PIPE_BYTES. Other descriptors are returned unchanged: sockets are written with MSG_DONTWAIT,
 * and files block on the disk only.
 */
#define LOG_PIPE_BYTES (1024 * 1024)
int log_open_sink(int fd);

/*
 * Limits repeated warnings of this thread from now on (base/log/log_limit.h), and holds lines below
 * "warn" until log_flush, so that many are written at once. on_held is called when the first line
 * is held. Held lines are also written before a line at "warn" or above, and when the buffer is
 * full. NULL ends both.
 */
void log_hold(void (*on_held)(void *arg), void *arg);
void log_flush(void);

bool log_is_enabled(enum log_level level);
void log_write(enum log_level level, const struct log_context *context, const char *message,
	       const struct log_field *fields);
void log_write_unobserved(enum log_level level, const struct log_context *context,
			  const char *message, const struct log_field *fields);

#endif
