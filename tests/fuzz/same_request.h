/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether two request heads mean the same, for the targets that compare HTTP versions. What only
 * HTTP/1.1 has is left out.
 */
#ifndef TESTS_FUZZ_SAME_REQUEST_H
#define TESTS_FUZZ_SAME_REQUEST_H

#include "proxy/http/message.h"

static inline bool
same_request_omits(const struct header *field)
{
	return field->id == HEADER_CONNECTION || field->id == HEADER_KEEP_ALIVE ||
	       field->id == HEADER_PROXY_CONNECTION || field->id == HEADER_TRANSFER_ENCODING ||
	       field->id == HEADER_UPGRADE || field->id == HEADER_HOST || field->id == HEADER_TE;
}

static inline bool
is_cookie(const struct header *field)
{
	return field->id == HEADER_COOKIE;
}

/* Position of the next field that both versions have, from at on. */
static inline size_t
next_field(const struct headers *h, size_t at)
{
	while (at < h->count && (same_request_omits(&h->items[at]) || is_cookie(&h->items[at])))
		at++;
	return at;
}

static inline void
compare_fields(const struct headers *one, const struct headers *two)
{
	size_t i = next_field(one, 0);
	size_t n = next_field(two, 0);

	for (; i < one->count && n < two->count;
	     i = next_field(one, i + 1), n = next_field(two, n + 1)) {
		err_assert(str_equal_nocase(one->items[i].name, two->items[n].name));
		err_assert(str_equal(one->items[i].value, two->items[n].value));
		err_assert(one->items[i].id == two->items[n].id);
	}
	err_assert(i == one->count && n == two->count);
}

/* All cookies, one after the other, without what joins them. */
static inline void
compare_cookies(const struct headers *one, const struct headers *two)
{
	struct buf joined;
	struct str other;

	buf_init(&joined, 65536);
	for (size_t i = 0; i < one->count; i++) {
		if (!is_cookie(&one->items[i]) || one->items[i].value.len == 0)
			continue;
		if (joined.len > 0)
			buf_add_str(&joined, STR("; "));
		buf_add_str(&joined, one->items[i].value);
	}
	(void)headers_find(two, HEADER_COOKIE, &other);
	err_assert(str_equal(buf_view(&joined), other));
	buf_fini(&joined);
}

static inline void
same_request_check(const struct request_head *one, const struct request_head *two)
{
	err_assert(str_equal(one->method, two->method) && str_equal(one->target, two->target));
	err_assert(str_equal(one->path, two->path) && str_equal(one->query, two->query));
	err_assert(str_equal_nocase(one->authority, two->authority) &&
		   one->is_head == two->is_head);
	err_assert(one->body == two->body && one->length == two->length);
	err_assert(one->accepts_trailers == two->accepts_trailers);
	compare_fields(&one->headers, &two->headers);
	compare_cookies(&one->headers, &two->headers);
}

#endif
