/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of heads in proxy/http/http1: that the result does not depend on how the bytes arrive,
 * and the limits of lines, fields and bytes.
 */
#include "tests/unit/proxy/http/http1_refusals.h"

struct scanned {
	enum http1_found found;
	unsigned status;
	size_t at;
	size_t lines;
};

/* Shows the scanner the text in pieces of `piece` bytes, the first of `first`. */
static struct scanned
scan_in_pieces(struct str text, size_t first, size_t piece)
{
	struct http1_scan scan = {0};
	struct scanned result = {.found = HTTP1_MORE};
	size_t len = first;

	for (;;) {
		char *copy = exact(str_take(text, len));
		result.found =
			http1_scan_head(&scan, (struct str){copy, len}, &limits, &result.status);
		free(copy);
		if (result.found != HTTP1_MORE || len == text.len)
			break;
		len = len + piece < text.len ? len + piece : text.len;
	}
	if (result.found == HTTP1_COMPLETE) {
		result.at = scan.at;
		result.lines = scan.lines;
	}
	if (result.found != HTTP1_BAD)
		result.status = 0;
	return result;
}

static void
assert_split_proof(struct str text)
{
	struct scanned whole = scan_in_pieces(text, text.len, 1);

	for (size_t first = 0; first <= text.len; first++) {
		struct scanned split = scan_in_pieces(text, first, text.len);
		struct scanned drip = scan_in_pieces(text, first, 1);
		if (memcmp(&split, &whole, sizeof(whole)) != 0 ||
		    memcmp(&drip, &whole, sizeof(whole)) != 0)
			fail_msg("split at %zu: %d/%u/%zu/%zu instead of %d/%u/%zu/%zu: %.*s",
				 first, (int)split.found, split.status, split.at, split.lines,
				 (int)whole.found, whole.status, whole.at, whole.lines,
				 STR_FMT(text));
		if (first > 64 && text.len > 256)
			first += 7;
	}
}

/* The fields of a head in memory that a test frees: count lines of "a: b", then filler bytes in one
 * more. */
static struct str
make_head(size_t count, size_t filler)
{
	static const char start[] = "GET / HTTP/1.1\r\n";
	size_t size = sizeof(start) + count * 6 + filler + 16;
	char *text = malloc(size);
	size_t len = sizeof(start) - 1;

	assert_non_null(text);
	memcpy(text, start, len);
	for (size_t i = 0; i < count; i++, len += 6)
		memcpy(text + len, "a: b\r\n", 6);
	if (filler > 0) {
		memset(text + len, 'x', filler);
		memcpy(text + len, "x:", 2);
		len += filler;
		memcpy(text + len, "\r\n", 2);
		len += 2;
	}
	memcpy(text + len, "\r\n", 2);
	return (struct str){text, len + 2};
}

static void
free_head(struct str head)
{
	char *text;

	memcpy(&text, &head.data, sizeof(text));
	free(text);
}

static void
test_result_does_not_depend_on_splits(void **state)
{
	static const struct str heads[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next", 34},
		{"\r\nGET / HTTP/1.1\r\n\r\n", 20},
		{"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 22},
		{"GET / HTTP/1.1\nHost: a\r\n\r\n", 26},
		{"GET / HTTP/1.1\r\nHost: a\r\n\n", 26},
		{"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 28},
		{"\r", 1},
		{"\n", 1},
		{"\r\n", 2},
		{"GET", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		assert_split_proof(heads[i]);
	for (size_t i = 0; i < COUNT(refusals); i++)
		assert_split_proof(refusals[i].head);
	for (size_t count = FIELDS_MAX - 1; count < FIELDS_MAX + 3; count++) {
		struct str head = make_head(count, 0);
		assert_split_proof(head);
		free_head(head);
	}
	for (size_t filler = HEAD_MAX - 24; filler < HEAD_MAX - 16; filler++) {
		struct str head = make_head(0, filler);
		assert_split_proof(head);
		free_head(head);
	}
}

static void
test_limits_of_heads(void **state)
{
	struct str head;
	struct scanned s;

	(void)state;
	/* as many fields as may be, and one more */
	head = make_head(FIELDS_MAX, 0);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_COMPLETE);
	assert_int_equal(s.lines, FIELDS_MAX + 1);
	free_head(head);
	head = make_head(FIELDS_MAX + 1, 0);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 431);
	free_head(head);

	/* as many bytes as may be, and one more: the rest of a head is 20 bytes */
	head = make_head(0, HEAD_MAX - 20);
	assert_int_equal(head.len, HEAD_MAX);
	assert_int_equal(scan_in_pieces(head, head.len, 1).found, HTTP1_COMPLETE);
	free_head(head);
	head = make_head(0, HEAD_MAX - 19);
	s = scan_in_pieces(head, head.len, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 431);
	free_head(head);
}

static void
test_long_request_lines(void **state)
{
	char line[HEAD_MAX + 8];
	struct scanned s;

	(void)state;
	memset(line, 'a', sizeof(line));
	s = scan_in_pieces((struct str){line, HEAD_MAX - 1}, 1, 1);
	assert_int_equal(s.found, HTTP1_MORE);
	s = scan_in_pieces((struct str){line, HEAD_MAX}, HEAD_MAX, 1);
	assert_int_equal(s.found, HTTP1_BAD);
	assert_int_equal(s.status, 414);
	s = scan_in_pieces((struct str){line, sizeof(line)}, 1, 100);
	assert_int_equal(s.status, 414);
}

/* The line's length decides, not how it ends nor where it was cut. */
static void
test_limit_of_the_request_line(void **state)
{
	const struct http1_limits narrow = {
		.head_max_bytes = HEAD_MAX, .headers_max = FIELDS_MAX, .line_max_bytes = 20};
	const struct {
		struct str data;
		enum http1_found found;
	} cases[] = {
		{STR("GET /aaaaaa HTTP/1.1\r\n"), HTTP1_MORE},
		{STR("GET /aaaaaa HTTP/1.1\r\nLonger-than-the-line: y\r\n\r\n"), HTTP1_COMPLETE},
		{STR("\r\nGET /aaaaaa HTTP/1.1\r\n\r\n"), HTTP1_COMPLETE},
		{STR("GET /aaaaaaa HTTP/1.1\r\n"), HTTP1_BAD},
		{STR("GET /aaaaaaaaaaaaaaaaaaaaaaaa\n"), HTTP1_BAD},
		{STR("GETaaaaaaaaaaaaaaaaaaa"), HTTP1_BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t piece = 1; piece <= cases[i].data.len; piece++) {
			struct http1_scan scan = {0};
			enum http1_found found = HTTP1_MORE;
			unsigned status = 0;
			size_t len = 0;
			while (found == HTTP1_MORE && len < cases[i].data.len) {
				len += piece;
				found = http1_scan_head(&scan, str_take(cases[i].data, len),
							&narrow, &status);
			}
			assert_int_equal(found, cases[i].found);
			assert_int_equal(status, found == HTTP1_BAD ? 414 : 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_result_does_not_depend_on_splits),
		cmocka_unit_test(test_limits_of_heads),
		cmocka_unit_test(test_limit_of_the_request_line),
		cmocka_unit_test(test_long_request_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
