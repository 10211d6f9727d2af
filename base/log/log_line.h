/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of the log, built in the caller's buffer: head, contexts and fields, then its end.
 *
 * Whatever could end the line, move a terminal's cursor or reorder what it shows is escaped, in
 * messages and values alike. Overlong lines are truncated and marked as truncated. For
 * base/log/log.c only.
 */
#ifndef BASE_LOG_LOG_LINE_H
#define BASE_LOG_LOG_LINE_H

#include "base/log/log.h"

struct log_line {
	char *at;
	char *end; /* nothing more is added */
	bool is_full;
	enum log_format format;
	int64_t time_ms;
	/* In JSON: where the escaped message begins and ends, and where the fields begin. */
	const char *message;
	const char *message_end;
	const char *fields; /* NULL in text */
	/* The first byte is a newline, which ends a partial line before it. */
	char data[LOG_LINE_MAX];
};

/* Call in this order: log_line_begin, then contexts and fields, log_line_end last. */
void log_line_begin(struct log_line *l, enum log_format format, enum log_level level,
		    const char *message);
void log_line_add_context(struct log_line *l, const struct log_context *context);
void log_line_add_fields(struct log_line *l, const struct log_field *fields);
void log_line_end(struct log_line *l, uint64_t dropped);

#endif
