/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses one line of a log in any format: removes terminal escapes, and finds time, level, message
 * and fields if present. Any input is accepted.
 */
#ifndef PROXY_LOGS_LOG_TEXT_H
#define PROXY_LOGS_LOG_TEXT_H

#include "base/log/log_record.h"

#define LOG_TEXT_MAX 8192u /* bytes of a line; callers cut longer ones */

struct log_text {
	bool has_time;
	bool has_level;
	bool is_continued; /* it starts with white space: it continues the previous line */
	int64_t time_ms;
	enum log_level level;
	struct str message; /* not escaped, and not checked to be UTF-8 */
	struct str fields;  /* members of a JSON object, escaped */
	struct buf clean;
	struct buf value; /* of a field */
	struct buf json;
};

void log_text_init(struct log_text *t);
void log_text_fini(struct log_text *t);

/*
 * Parses a line. The views are valid until the next call. Removes terminal escapes (ECMA-48),
 * control characters and text that a carriage return overwrites. Of a JSON object, uses "time",
 * "ts", "timestamp" or "@timestamp"; "level", "lvl" or "severity"; "message" or "msg". Other
 * members become fields, except arrays, objects, and "file" and "truncated", which only the log
 * reader adds.
 */
void log_text_parse(struct log_text *t, struct str line);

#endif
