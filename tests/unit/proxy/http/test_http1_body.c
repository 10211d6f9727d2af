/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies and writers of proxy/http/http1: valid and invalid chunked coding, limits, that the result
 * does not depend on how the bytes are split, and that writers report missing memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "proxy/http/http1.h"
#include "tests/unit/count.h"

struct decoded {
	enum http1_found found;
	size_t consumed;
	struct buf data;
};

/* Decodes text in a first piece and then pieces of one size, each in memory of its exact size. What
 * one call leaves is shown again to the next. */
static struct decoded
decode_in_pieces(struct http1_body *b, struct str text, size_t first, size_t piece)
{
	struct decoded d = {.found = HTTP1_MORE};
	size_t at = 0;

	buf_init(&d.data, 1 << 20);
	for (size_t len = first; d.found == HTTP1_MORE; len = piece) {
		struct str part = str_take(str_skip(text, at), len);
		char *copy = malloc(part.len + (part.len == 0));
		size_t consumed, produced;

		assert_non_null(copy);
		if (part.len > 0)
			memcpy(copy, part.data, part.len);
		d.found = http1_body_decode(b, copy, part.len, &consumed, &produced);
		assert_true(consumed <= part.len);
		assert_true(produced <= consumed);
		if (d.found == HTTP1_MORE)
			assert_int_equal(consumed, part.len);
		assert_true(buf_add(&d.data, copy, produced));
		free(copy);
		d.consumed += consumed;
		at += part.len;
		if (at >= text.len)
			break;
	}
	return d;
}

static struct decoded
decode(struct str text, size_t first, size_t piece)
{
	struct http1_body b;

	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	struct decoded d = decode_in_pieces(&b, text, first, piece);
	assert_int_equal(http1_body_is_done(&b), d.found == HTTP1_COMPLETE);
	assert_int_equal(http1_body_may_end(&b), d.found == HTTP1_COMPLETE);
	return d;
}

static void
assert_same(const struct decoded *a, const struct decoded *b, struct str text, size_t split)
{
	/* The number of consumed bytes of a malformed body does not matter. */
	if (a->found != b->found || (a->found != HTTP1_BAD && a->consumed != b->consumed) ||
	    !str_equal(buf_view(&a->data), buf_view(&b->data)))
		fail_msg("split at %zu: %.*s", split, STR_FMT(text));
}

/* Two pieces, and byte by byte, give what the whole gives. */
static void
assert_split_proof(struct str text)
{
	struct decoded whole = decode(text, text.len, 1);

	for (size_t split = 0; split <= text.len; split++) {
		struct decoded parts = decode(text, split, text.len + 1);
		assert_same(&parts, &whole, text, split);
		buf_fini(&parts.data);
	}
	struct decoded drip = decode(text, 1, 1);
	assert_same(&drip, &whole, text, 1);
	buf_fini(&drip.data);
	buf_fini(&whole.data);
}

struct chunked {
	struct str text;
	const char *data;
	size_t rest; /* bytes behind the body */
};

#define CHUNKED(text, data, rest)                                                                  \
	{                                                                                          \
		{text, sizeof(text) - 1}, data, rest                                               \
	}

static const struct chunked good[] = {
	CHUNKED("0\r\n\r\n", "", 0),
	CHUNKED("000\r\n\r\n", "", 0),
	CHUNKED("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
	CHUNKED("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "hello", 16),
	CHUNKED("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", "abcdef", 0),
	CHUNKED("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0),
	CHUNKED("00000000000000F\r\n0123456789abcde\r\n0\r\n\r\n", "0123456789abcde", 0),
	CHUNKED("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0),
	CHUNKED("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", 0),
	CHUNKED("1;a\r\nx\r\n0\r\n\r\n", "x", 0),
	CHUNKED("1;a=\"b;c\" ; d\r\nx\r\n0;last\r\n\r\n", "x", 0),
	CHUNKED("1; \ta\t = \tb ;c=d;e\r\nx\r\n0\r\n\r\n", "x", 0),
	CHUNKED("1;a=\"\"\r\nx\r\n0;!#$%&'*+-.^_`|~=!\r\n\r\n", "x", 0),
	CHUNKED("1;a=\"\\\"\\\\ \t\xe4\\\xe4\";b\r\nx\r\n0\r\n\r\n", "x", 0),
	CHUNKED("1\r\nx\r\n0\r\nA: b\r\nContent-Length: 5\r\n\r\n", "x", 0),
	CHUNKED("0\r\nEmpty:\r\nHost:\t\xe4 \r\n\r\nx", "", 1),
};

static const struct str bad[] = {
	/* sizes */
	{"\r\n", 2},
	{";\r\n", 3},
	{"-1\r\n", 4},
	{"+1\r\nx", 5},
	{"0x1\r\nx", 6},
	{" 1\r\nx", 5},
	{"1 \r\nx", 5},
	{"1\t\r\nx", 5},
	{"1 ;a\r\nx", 7},
	{"g\r\n", 3},
	{"1g\r\n", 4},
	{"1_0\r\n", 5},
	{"\xb1\r\nx", 4},
	{"\x85\r\nx", 4},
	{"\x11\r\nx", 4},
	{"\0"
	 "1\r\nx",
	 5},
	{"10000000000000000\r\n", 19},
	{"0000000000000001\r\nx", 19},
	{"ffffffffffffffff\r\nx", 19},
	{"fffffffffffffffff\r\nx", 20},
	/* line ends */
	{"1\nx\r\n", 5},
	{"1\r\rx", 4},
	{"1\rx", 3},
	{"1\r\r\nx", 5},
	{"1;a\nx", 5},
	{"1;a\r;b\r\nx", 9},
	{"1;\0\r\nx", 6},
	/* extensions: RFC 9112 section 7.1.1 */
	{"1;\r\nx", 5},
	{"1; \r\nx", 6},
	{"1;;\r\nx", 6},
	{"1;;a\r\nx", 7},
	{"1;a;\r\nx", 7},
	{"1;a \r\nx", 7},
	{"1;a b\r\nx", 8},
	{"1;=\r\nx", 6},
	{"1;=b\r\nx", 7},
	{"1;a=\r\nx", 7},
	{"1;a= \r\nx", 8},
	{"1;a=;b\r\nx", 9},
	{"1;a==b\r\nx", 9},
	{"1;a=b=c\r\nx", 10},
	{"1;a=b c\r\nx", 10},
	{"1;a=b \r\nx", 9},
	{"1;a[b]\r\nx", 9},
	{"1;\"a\"\r\nx", 8},
	{"1;a=b\"\r\nx", 9},
	{"1;a=\"\r\nx", 8},
	{"1;a=\"b\r\nx", 9},
	{"1;a=\"b\\\"\r\nx", 11},
	{"1;a=\"b\"c\r\nx", 11},
	{"1;a=\"b\" \r\nx", 11},
	{"1;a=\"b\" =c\r\nx", 13},
	{"1;a=\"\x01\"\r\nx", 10},
	{"1;a=\"\\\x01\"\r\nx", 11},
	{"1;a=\"\x7f\"\r\nx", 10},
	{"1;\xe4\r\nx", 6},
	{"1;a=\xe4\r\nx", 8},
	{"1,a\r\nx", 6},
	{"0;\r\n\r\n", 6},
	{"1;\x7f\r\nx", 6},
	{"1\r\nx\n", 5},
	{"1\r\nxy\r\n", 7},
	{"1\r\nx0\r\n", 7},
	{"1\r\nx\r0", 6},
	{"1\r\nx\r\n\r\n", 8},
	{"0\r\n\n", 4},
	{"0\r\n\r\r\n", 6},
	{"0\n\r\n", 4},
	/* trailers */
	{"0\r\n: a\r\n", 8},
	{"0\r\nA\r\n", 6},
	{"0\r\nA : b\r\n", 10},
	{"0\r\n A: b\r\n", 10},
	{"0\r\nA: b\r\n c\r\n", 13},
	{"0\r\nA: b\nB: c\r\n", 14},
	{"0\r\nA: b\rB\r\n", 11},
	{"0\r\nA: \0\r\n", 9},
	{"0\r\nA\xe4: b\r\n", 10},
	{"0\r\nA(: b\r\n", 10},
	{"0\r\n\x7f: b\r\n", 10},
	{"0\r\nGET / HTTP/1.1\r\n", 19},
};

static void
test_good_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct decoded d = decode(good[i].text, good[i].text.len, 1);
		if (d.found != HTTP1_COMPLETE || d.consumed != good[i].text.len - good[i].rest ||
		    !str_equal(buf_view(&d.data), str_from(good[i].data)))
			fail_msg("%.*s", STR_FMT(good[i].text));
		buf_fini(&d.data);
	}
}

/* The check without decoding agrees with the decoder. */
static void
test_soundness(void **state)
{
	struct http1_body b;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t len = 0; len <= good[i].text.len; len++)
			assert_true(http1_body_is_well_formed(b, str_take(good[i].text, len)));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(http1_body_is_well_formed(b, bad[i]));
	http1_body_init(&b, HTTP1_FRAMING_LENGTH, 5);
	assert_true(http1_body_is_well_formed(b, STR("zz\r\n")));
}

static void
test_bad_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct decoded d = decode(bad[i], bad[i].len, 1);
		if (d.found != HTTP1_BAD)
			fail_msg("%d: %.*s", (int)d.found, STR_FMT(bad[i]));
		buf_fini(&d.data);
	}
}

/* Every prefix of a valid body is incomplete: it neither fails nor ends early. */
static void
test_prefixes_want_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t len = 0; len < good[i].text.len - good[i].rest; len++) {
			struct decoded d = decode(str_take(good[i].text, len), len, 1);
			assert_int_equal(d.found, HTTP1_MORE);
			buf_fini(&d.data);
		}
	}
}

static void
test_result_does_not_depend_on_splits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_split_proof(good[i].text);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_split_proof(bad[i]);
}

static void
test_errors_are_permanent(void **state)
{
	struct http1_body b;
	char first[] = "x";
	char second[] = "0\r\n\r\n";
	size_t consumed, produced;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	assert_int_equal(http1_body_decode(&b, first, 1, &consumed, &produced), HTTP1_BAD);
	assert_int_equal(http1_body_decode(&b, second, 5, &consumed, &produced), HTTP1_BAD);
	assert_int_equal(consumed, 0);
	assert_int_equal(produced, 0);
	assert_false(http1_body_is_done(&b));
}

static void
test_bytes_after_the_end_are_left(void **state)
{
	struct http1_body b;
	char text[] = "0\r\n\r\n";
	char next[] = "5\r\nhello";
	size_t consumed, produced;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	assert_int_equal(http1_body_decode(&b, text, 5, &consumed, &produced), HTTP1_COMPLETE);
	assert_int_equal(http1_body_decode(&b, next, 8, &consumed, &produced), HTTP1_COMPLETE);
	assert_int_equal(consumed, 0);
	assert_int_equal(produced, 0);
}

/* The largest size that is taken, without sending it. */
static void
test_the_largest_chunk(void **state)
{
	struct http1_body b;
	char text[] = "fffffffffffffff\r\nabc";
	size_t consumed, produced;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 77);
	assert_int_equal(http1_body_decode(&b, text, 20, &consumed, &produced), HTTP1_MORE);
	assert_int_equal(consumed, 20);
	assert_int_equal(produced, 3);
	assert_memory_equal(text, "abc", 3);
	assert_true(b.left == (UINT64_C(1) << 60) - 1 - 3);
}

/* Decodes start, then part until it is bad or was shown `times` times. */
static size_t
repeat(const char *start, const char *part, size_t times)
{
	struct http1_body b;
	char copy[256];
	size_t consumed, produced;
	size_t shown = 0;

	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	memcpy(copy, start, strlen(start));
	assert_int_equal(http1_body_decode(&b, copy, strlen(start), &consumed, &produced),
			 HTTP1_MORE);
	for (; shown < times; shown++) {
		memcpy(copy, part, strlen(part));
		if (http1_body_decode(&b, copy, strlen(part), &consumed, &produced) == HTTP1_BAD)
			break;
	}
	return shown;
}

static void
test_dropped_bytes_are_bounded(void **state)
{
	const size_t many = 100000;

	(void)state;
	assert_int_equal(repeat("1;", "a", many), HTTP1_TRAILERS_MAX);
	assert_int_equal(repeat("0\r\nA:", "a", many), HTTP1_TRAILERS_MAX - 1);
	assert_int_equal(repeat("0\r\n", "a", many), HTTP1_TRAILERS_MAX);
	assert_int_equal(repeat("0\r\n", "A: b\r\n", many), HTTP1_TRAILERS_COUNT_MAX);
	assert_int_equal(repeat("0\r\n", "a:\r\n", many), HTTP1_TRAILERS_COUNT_MAX);
	/* over all chunks together, however small each is */
	assert_true(repeat("1\r\nx\r\n", "1;abc\r\nx\r\n", many) <= HTTP1_TRAILERS_MAX / 3);
	/* chunks without any are not bounded */
	assert_int_equal(repeat("1\r\nx\r\n", "1\r\nx\r\n", many), many);
}

static void
assert_trailers(struct str text, size_t piece, const char *lines, unsigned count)
{
	struct http1_body b;
	struct buf kept;

	buf_init(&kept, HTTP1_TRAILERS_MAX);
	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	b.trailers = &kept;
	struct decoded d = decode_in_pieces(&b, text, piece, piece);
	assert_int_equal(d.found, HTTP1_COMPLETE);
	if (!str_equal(buf_view(&kept), str_from(lines)))
		fail_msg("%.*s: %.*s", STR_FMT(text), STR_FMT(buf_view(&kept)));
	assert_int_equal(b.trailers_count, count);
	buf_fini(&d.data);
	buf_fini(&kept);
}

static void
test_trailers_are_kept(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		assert_trailers(STR("0\r\n\r\n"), piece, "", 0);
		assert_trailers(STR("1\r\nx\r\n0;a\r\nA: b\r\n\r\n"), piece, "A: b\r\n", 1);
		assert_trailers(STR("0\r\nA:\r\nb: : c \r\n\r\nGET"), piece, "A:\r\nb: : c \r\n",
				2);
	}
}

static void
test_lengths(void **state)
{
	struct http1_body b;
	char text[] = "0\r\n\r\nrest";
	size_t consumed, produced;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_LENGTH, 7);
	assert_int_equal(http1_body_decode(&b, text, 5, &consumed, &produced), HTTP1_MORE);
	assert_int_equal(consumed, 5);
	assert_int_equal(produced, 5);
	assert_false(http1_body_may_end(&b));
	assert_int_equal(http1_body_decode(&b, text, 9, &consumed, &produced), HTTP1_COMPLETE);
	assert_int_equal(consumed, 2);
	assert_int_equal(produced, 2);
	assert_memory_equal(text, "0\r\n\r\nrest", 9);
	assert_true(http1_body_is_done(&b));
	assert_true(http1_body_may_end(&b));
	assert_int_equal(http1_body_decode(&b, text, 9, &consumed, &produced), HTTP1_COMPLETE);
	assert_int_equal(consumed, 0);

	http1_body_init(&b, HTTP1_FRAMING_LENGTH, UINT64_MAX);
	assert_int_equal(http1_body_decode(&b, text, 9, &consumed, &produced), HTTP1_MORE);
	assert_int_equal(consumed, 9);
}

static void
test_bodies_that_end_otherwise(void **state)
{
	struct http1_body b;
	char text[] = "abc";
	size_t consumed, produced;

	(void)state;
	http1_body_init(&b, HTTP1_FRAMING_NONE, 0);
	assert_true(http1_body_is_done(&b));
	assert_int_equal(http1_body_decode(&b, text, 3, &consumed, &produced), HTTP1_COMPLETE);
	assert_int_equal(consumed, 0);

	http1_body_init(&b, HTTP1_FRAMING_CLOSE, 0);
	assert_int_equal(http1_body_decode(&b, text, 3, &consumed, &produced), HTTP1_MORE);
	assert_int_equal(consumed, 3);
	assert_int_equal(produced, 3);
	assert_false(http1_body_is_done(&b));
	assert_true(http1_body_may_end(&b));
}

/* Writers */

static void
test_reasons(void **state)
{
	(void)state;
	assert_string_equal(http1_reason(404), "Not Found");
	assert_string_equal(http1_reason(299), "");
	assert_string_equal(http1_reason(0), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_chunks),
		cmocka_unit_test(test_bad_chunks),
		cmocka_unit_test(test_soundness),
		cmocka_unit_test(test_prefixes_want_more),
		cmocka_unit_test(test_result_does_not_depend_on_splits),
		cmocka_unit_test(test_errors_are_permanent),
		cmocka_unit_test(test_bytes_after_the_end_are_left),
		cmocka_unit_test(test_the_largest_chunk),
		cmocka_unit_test(test_dropped_bytes_are_bounded),
		cmocka_unit_test(test_trailers_are_kept),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_bodies_that_end_otherwise),
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
