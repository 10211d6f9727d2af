/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escapes text so that it stays on its line, moves no terminal's cursor and keeps its reading
 * direction. Bytes that are not UTF-8 become U+FFFD.
 */
#ifndef BASE_LOG_LOG_ESCAPE_H
#define BASE_LOG_LOG_ESCAPE_H

#include "base/str.h"

/* Appends the text for people, on one line: what would need an escape beyond quotes becomes a
 * space, several in a row one. */
bool log_escape_text(struct buf *out, struct str value);

#define LOG_ESCAPE_MAX 8 /* bytes of one escaped character */

/* Printable ASCII other than '"' and '\\': what is written as it is. */
static inline bool
log_escape_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The second to fourth bytes of a character in UTF-8. */
static inline bool
log_escape_is_continuation(char c)
{
	return ((unsigned char)c & 0xc0u) == 0x80u;
}

/* Length of the prefix that consists of plain characters. */
size_t log_escape_plain_run(struct str s);

/* Takes the first character off *s, which is not empty, and writes its escaped form. Returns the
 * form's length. */
size_t log_escape_next(struct str *s, char out[LOG_ESCAPE_MAX]);

/* Appends value as a JSON string, with its quotes. */
bool log_escape_json(struct buf *out, struct str value);

#endif
