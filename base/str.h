/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of bytes, and growing buffers with a hard maximum.
 *
 * A struct str borrows its bytes and need not end in NUL. A struct buf owns its bytes, never grows
 * past its maximum, and remembers that an addition failed, so that a sequence of additions is
 * checked once at its end with buf_is_ok. All comparisons that fold case fold ASCII only.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
	const char *data; /* may be NULL when len is 0 */
	size_t len;
};

#define STR(literal)	 ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE	 ((struct str){NULL, 0})
#define STR_BYTES(array) ((struct str){(const char *)(array), sizeof(array)}) /* no pointer */
/* Arguments for "%.*s". The view must be shorter than INT_MAX, as all bounded views are. */
#define STR_FMT(view) (int)(view).len, (view).data == NULL ? "" : (view).data

static inline struct str
str_from(const char *cstring)
{
	return cstring == NULL ? STR_NONE : (struct str){cstring, strlen(cstring)};
}

static inline bool
str_is_empty(struct str s)
{
	return s.len == 0;
}

bool str_equal(struct str a, struct str b);
bool str_bytes_equal_nocase(const char *a, const char *b, size_t len);
static inline bool
str_equal_nocase(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || str_bytes_equal_nocase(a.data, b.data, a.len));
}
int str_compare(struct str a, struct str b); /* orders as strcmp(3) does */
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_nocase(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_ends_with_nocase(struct str s, struct str suffix);

/* Return the offset of the first match, or SIZE_MAX. */
size_t str_find_byte(struct str s, char byte);
size_t str_find(struct str s, struct str needle);

/* Return the part from offset on, and the first len bytes. Both are clamped to the view. */
struct str str_skip(struct str s, size_t offset);
struct str str_take(struct str s, size_t len);

/* Removes leading and trailing SP and HTAB (OWS, RFC 9110 section 5.6.3). Most values have none,
 * which the inline part checks without a call. */
struct str str_trim_ends(struct str s);
static inline struct str
str_trim(struct str s)
{
	bool is_trimmed = s.len == 0 || (s.data[0] > ' ' && s.data[s.len - 1] > ' ');

	return is_trimmed ? s : str_trim_ends(s);
}

/* Removes the part before the next separator from *rest. False: there is no part left, and the data
 * of *rest is NULL. "a,,b" gives "a", "", "b"; an empty view gives one empty part. */
bool str_next(struct str *rest, char separator, struct str *part);

/* Parses decimal digits without sign, space or prefix; the value is in min..max inclusive. */
bool str_to_u64(struct str s, uint64_t min, uint64_t max, uint64_t *value) MUST_CHECK;

/* Returns the Levenshtein distance, to find the name that was meant; SIZE_MAX: a text has more than
 * STR_DISTANCE_MAX bytes. */
#define STR_DISTANCE_MAX 128
size_t str_distance(struct str a, struct str b);

/* Returns a NUL-terminated copy for free(3). NULL: out of memory, or s contains a NUL. */
char *str_dup(struct str s) MUST_CHECK;

struct buf {
	char *data;
	size_t len;
	size_t size; /* allocated bytes */
	size_t max;  /* len never exceeds this */
	bool failed; /* an addition did not fit, or memory was short; nothing was added */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);		      /* frees; the buffer is empty and may be used again */
void buf_wipe_fini(struct buf *b);	      /* as buf_fini, after overwriting the bytes */
void buf_clear(struct buf *b);		      /* empty, failure forgotten, memory kept */
bool buf_reserve(struct buf *b, size_t more); /* makes room for `more` bytes after len */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_add_str(struct buf *b, struct str s);
bool buf_add_byte(struct buf *b, char byte);
bool buf_addf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_consume(struct buf *b, size_t len); /* drops the first len bytes */
void buf_wipe_consume(struct buf *b, size_t len);
static inline bool
buf_is_ok(const struct buf *b)
{
	return !b->failed;
}

static inline struct str
buf_view(const struct buf *b)
{
	return (struct str){b->data, b->len};
}

#endif
