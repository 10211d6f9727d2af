/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escapes text so that it stays on its line, moves no terminal's cursor and keeps its reading
 * direction. Bytes that are not UTF-8 become U+FFFD.
 */
#ifndef BASE_LOG_LOG_ESCAPE_H
#define BASE_LOG_LOG_ESCAPE_H

#include "base/str.h"

/* Appends the text for people on one line: each run of characters that would need an escape other
 * than a quote becomes one space. */
bool log_escape_text(struct buf *out, struct str value);

#define LOG_ESCAPE_MAX 8 /* bytes of one escaped character */

/* Whether the byte is printable ASCII other than '"' and '\\', which is written unchanged. */
static inline bool
log_escape_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Whether the byte is a continuation byte of UTF-8. */
static inline bool
log_escape_is_continuation(char c)
{
	return ((unsigned char)c & 0xc0u) == 0x80u;
}

/* Returns the length of the prefix that needs no escapes. */
size_t log_escape_plain_run(struct str s);

/* Removes the first character from *s, which is not empty, and writes its escaped form. Returns the
 * length of that. */
size_t log_escape_next(struct str *s, char out[LOG_ESCAPE_MAX]);

/* Appends the value as a JSON string with quotes. */
bool log_escape_json(struct buf *out, struct str value);

#endif
