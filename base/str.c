/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views and bounded buffers.
 *
 * A buffer that grows copies into new memory and wipes the old, so that buf_wipe_fini can promise
 * that no earlier copy is left on the heap. After a failed addition it refuses all others until it
 * is cleared: what it holds is always a prefix of what was asked for.
 */
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/wipe.h"

#define BUF_FIRST_SIZE 64u

bool
str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool
str_bytes_equal_nocase(const char *a, const char *b, size_t len)
{
	if (memcmp(a, b, len) == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		if (ascii_to_lower(a[i]) != ascii_to_lower(b[i]))
			return false;
	}
	return true;
}

int
str_compare(struct str a, struct str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool
str_starts_with(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal(str_take(s, prefix.len), prefix);
}

bool
str_starts_with_nocase(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equal_nocase(str_take(s, prefix.len), prefix);
}

bool
str_ends_with(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_equal(str_skip(s, s.len - suffix.len), suffix);
}

bool
str_ends_with_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_equal_nocase(str_skip(s, s.len - suffix.len), suffix);
}

size_t
str_find_byte(struct str s, char byte)
{
	const char *at = s.len == 0 ? NULL : memchr(s.data, byte, s.len);

	return at == NULL ? SIZE_MAX : (size_t)(at - s.data);
}

static const char *
find_bytes(const char *data, size_t len, const char *needle, size_t needle_len)
{
#ifdef _GNU_SOURCE
	return memmem(data, len, needle, needle_len);
#else
	while (len >= needle_len) {
		const char *at = memchr(data, needle[0], len - needle_len + 1);

		if (at == NULL || memcmp(at, needle, needle_len) == 0)
			return at;
		len -= (size_t)(at + 1 - data);
		data = at + 1;
	}
	return NULL;
#endif
}

size_t
str_find(struct str s, struct str needle)
{
	const char *at;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return SIZE_MAX;
	at = find_bytes(s.data, s.len, needle.data, needle.len);
	return at == NULL ? SIZE_MAX : (size_t)(at - s.data);
}

struct str
str_skip(struct str s, size_t offset)
{
	if (s.len == 0)
		return s;
	if (offset > s.len)
		offset = s.len;
	return (struct str){s.data + offset, s.len - offset};
}

struct str
str_take(struct str s, size_t len)
{
	return (struct str){s.data, len < s.len ? len : s.len};
}

static bool
is_ows(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim_ends(struct str s)
{
	while (s.len > 0 && is_ows(s.data[0]))
		s = str_skip(s, 1);
	while (s.len > 0 && is_ows(s.data[s.len - 1]))
		s.len--;
	return s;
}

bool
str_next(struct str *rest, char separator, struct str *part)
{
	size_t at;

	if (rest->data == NULL)
		return false;
	at = str_find_byte(*rest, separator);
	if (at == SIZE_MAX) {
		*part = *rest;
		*rest = STR_NONE;
		return true;
	}
	*part = str_take(*rest, at);
	*rest = str_skip(*rest, at + 1);
	return true;
}

bool
str_to_u64(struct str s, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(s.data[i] - '0'), &sum))
			return false;
	}
	if (sum < min || sum > max)
		return false;
	*value = sum;
	return true;
}

size_t
str_distance(struct str a, struct str b)
{
	size_t row[STR_DISTANCE_MAX + 1];

	if (a.len > STR_DISTANCE_MAX || b.len > STR_DISTANCE_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			size_t best = diagonal + (a.data[i] == b.data[j] ? 0 : 1);
			diagonal = row[j + 1];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
		}
	}
	return row[b.len];
}

char *
str_dup(struct str s)
{
	char *copy;

	if (s.len == SIZE_MAX || str_find_byte(s, '\0') != SIZE_MAX)
		return NULL;
	copy = malloc(s.len + 1);
	if (copy == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	copy[s.len] = '\0';
	return copy;
}

void
buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max = max_bytes};
}

static void
release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void
buf_fini(struct buf *b)
{
	release(b);
}

void
buf_wipe_fini(struct buf *b)
{
	if (b->data != NULL)
		wipe_bytes(b->data, b->size);
	release(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Makes the buffer at least `size` bytes large; size is at most max + 1. */
static bool
grow(struct buf *b, size_t size)
{
	size_t wanted = b->size < BUF_FIRST_SIZE ? BUF_FIRST_SIZE : b->size;
	char *data;

	while (wanted < size) {
		if (__builtin_mul_overflow(wanted, (size_t)2, &wanted))
			wanted = size;
	}
	if (wanted > b->max && size <= b->max)
		wanted = b->max;
	else if (wanted > b->max)
		wanted = size;
	data = malloc(wanted);
	if (data == NULL)
		return false;
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		wipe_bytes(b->data, b->size);
		free(b->data);
	}
	b->data = data;
	b->size = wanted;
	return true;
}

bool
buf_reserve(struct buf *b, size_t more)
{
	return more <= b->max - b->len && (more <= b->size - b->len || grow(b, b->len + more));
}

bool
buf_add(struct buf *b, const void *data, size_t len)
{
	if (b->failed || !buf_reserve(b, len)) {
		b->failed = true;
		return false;
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return true;
}

bool
buf_add_str(struct buf *b, struct str s)
{
	return buf_add(b, s.data, s.len);
}

bool
buf_add_byte(struct buf *b, char byte)
{
	return buf_add(b, &byte, 1);
}

bool
buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* vsnprintf needs room for its NUL, which is not counted. */
	if (b->failed || len < 0 || (size_t)len > b->max - b->len ||
	    b->len + (size_t)len == SIZE_MAX ||
	    ((size_t)len >= b->size - b->len && !grow(b, b->len + (size_t)len + 1))) {
		b->failed = true;
		return false;
	}
	va_start(args, format);
	(void)vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
	return true;
}

void
buf_wipe_consume(struct buf *b, size_t len)
{
	size_t before = b->len;

	buf_consume(b, len);
	if (b->len < before)
		wipe_bytes(b->data + b->len, before - b->len);
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len > 0 && len < b->len)
		memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}
