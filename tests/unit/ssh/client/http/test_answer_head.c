/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh/client/http/answer_head: status, fields, and bodies by length, in chunks and up to the end.
 */
#include "ssh/client/http/answer_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define BODY_MAX 32u
#define OK	 "HTTP/1.1 200 OK\r\n"
#define LENGTH	 OK "Content-Length: 5\r\n\r\n"
#define CHUNKED	 OK "transfer-encoding: Chunked\r\n\r\n"

static void
test_status_and_fields(void **state)
{
	struct str head = STR(OK "A: 1\r\nb:\t2 \r\nB: 3\r\nABC: 4\r\n\r\n");

	(void)state;
	assert_int_equal(answer_head_status(head), 200);
	assert_int_equal(answer_head_status(STR("HTTP/1.0 404\r\n\r\n")), 404);
	assert_int_equal(answer_head_status(STR("HTTP/2 200\r\n\r\n")), 0);
	assert_int_equal(answer_head_status(STR("HTTP/1.1 600\r\n\r\n")), 0);
	assert_int_equal(answer_head_status(STR("HTTP/1.1 20")), 0);
	assert_int_equal(answer_head_status(STR("")), 0);
	assert_true(str_equal(answer_head_field(head, STR("a")), STR("1")));
	assert_true(str_equal(answer_head_field(head, STR("b")), STR("2")));
	assert_true(str_is_empty(answer_head_field(head, STR("ab"))));
}

static void
test_bodies(void **state)
{
	static const struct {
		const char *head;
		const char *bytes;
		bool has_ended;
		enum answer_body_state wanted;
		const char *body;
	} cases[] = {
		{LENGTH, "", false, ANSWER_BODY_MORE, NULL},
		{LENGTH, "1234", false, ANSWER_BODY_MORE, NULL},
		{LENGTH, "1234", true, ANSWER_BODY_BAD, NULL},
		{LENGTH, "12345", false, ANSWER_BODY_WHOLE, "12345"},
		{LENGTH, "123456", true, ANSWER_BODY_WHOLE, "12345"},
		{OK "Content-Length: 0\r\n\r\n", "", false, ANSWER_BODY_WHOLE, ""},
		{OK "Content-Length: 33\r\n\r\n", "", false, ANSWER_BODY_BAD, NULL},
		{OK "Content-Length: -1\r\n\r\n", "", false, ANSWER_BODY_BAD, NULL},
		{OK "\r\n", "123", false, ANSWER_BODY_MORE, NULL},
		{OK "\r\n", "123", true, ANSWER_BODY_WHOLE, "123"},
		{OK "\r\n", "", true, ANSWER_BODY_WHOLE, ""},
		{OK "\r\n", "123456789012345678901234567890123", true, ANSWER_BODY_BAD, NULL},
		{OK "Transfer-Encoding: gzip\r\n\r\n", "x", true, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "", false, ANSWER_BODY_MORE, NULL},
		{CHUNKED, "3", false, ANSWER_BODY_MORE, NULL},
		{CHUNKED, "3\r\nab", false, ANSWER_BODY_MORE, NULL},
		{CHUNKED, "3\r\nabc\r\n", false, ANSWER_BODY_MORE, NULL},
		{CHUNKED, "3\r\nabc\r\n", true, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "3\r\nabc\r\n0\r\n", false, ANSWER_BODY_WHOLE, "abc"},
		{CHUNKED, "3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", false, ANSWER_BODY_WHOLE,
		 "abc0123456789"},
		{CHUNKED, "3\r\nabcd\r\n", false, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "x\r\n", false, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "\r\n", false, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "3 \r\nabc\r\n", false, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "ffffffffffffffffffff\r\n", false, ANSWER_BODY_BAD, NULL},
		{CHUNKED, "21\r\n012345678901234567890123456789012\r\n", false, ANSWER_BODY_BAD,
		 NULL},
	};
	struct buf body;

	(void)state;
	buf_init(&body, BODY_MAX);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (answer_body_read(str_from(cases[i].head), str_from(cases[i].bytes),
				     cases[i].has_ended, &body) != cases[i].wanted)
			fail_msg("%zu: %s", i, cases[i].bytes);
		if (cases[i].body != NULL)
			assert_true(str_equal(buf_view(&body), str_from(cases[i].body)));
	}
	buf_fini(&body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_fields),
		cmocka_unit_test(test_bodies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
