/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a log as data, and its two forms for readers: a line of JSON and a line of text. One
 * observer of the log, besides the sink, gets every line as a record, except access log lines.
 */
#ifndef BASE_LOG_LOG_RECORD_H
#define BASE_LOG_LOG_RECORD_H

#include "base/log/log.h"

enum log_source {
	LOG_SOURCE_PROXY,
	LOG_SOURCE_CLONE, /* the clone worker */
	LOG_SOURCE_IDE,	  /* files of the workspace */
	LOG_SOURCES,
};

/* A log line. Its views are JSON text (RFC 8259), escaped as in base/log/log_escape.h. */
struct log_record {
	int64_t time_ms; /* wall clock */
	enum log_level level;
	enum log_source source;
	struct str message; /* a string without its quotes */
	struct str fields;  /* members of an object without its braces; may be empty */
};

/* "debug", "info", "warn", "error"; "off" for LOG_OFF. */
const char *log_level_name(enum log_level level);

/* False for unknown names, and for "off". */
bool log_level_parse(struct str name, enum log_level *level) MUST_CHECK;
bool log_source_parse(struct str name, enum log_source *source) MUST_CHECK;

/* Appends the record as JSON without a newline. False: it does not fit.
 * {"time":"2026-01-31T12:00:00.123Z","level":"warn","source":"ide","message":"…","fields":{…}} */
bool log_record_write_json(const struct log_record *r, struct buf *out);

/* Appends "2026-01-31T12:00:00.123Z WARN  ide    message {"name":"value"}" without a newline.
 * Escapes remain, so that a terminal shows it safely. */
bool log_record_write_text(const struct log_record *r, struct buf *out);

/*
 * Calls fn from now on for every line, whether or not the sink takes it, on the thread that logs.
 * fn must not log. The record's views are valid until fn returns. NULL removes the observer. Call
 * it before other threads log.
 */
typedef void log_observer_fn(const struct log_record *record, void *arg);
void log_observe(log_observer_fn *fn, void *arg);

bool log_is_observed(void);

/* Passes a line to the observer: one of the log, or one that another process wrote. */
void log_show_observer(const struct log_record *record);

#endif
