/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing of chunked bodies: chunk lines and the last chunk.
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

static void
test_written_lines(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	http1_write_request_line(&out, STR("GET"), STR("/a?b"));
	http1_write_status_line(&out, 200);
	http1_write_status_line(&out, 299);
	http1_write_field(&out, STR("Name"), STR("a value"));
	http1_write_field(&out, STR("Empty"), STR_NONE);
	http1_write_field_u64(&out, STR("Zero"), 0);
	http1_write_field_u64(&out, STR("Most"), UINT64_MAX);
	http1_write_end(&out);
	assert_true(buf_is_ok(&out));
	assert_true(str_equal(buf_view(&out), STR("GET /a?b HTTP/1.1\r\n"
						  "HTTP/1.1 200 OK\r\n"
						  "HTTP/1.1 299 \r\n"
						  "Name: a value\r\n"
						  "Empty: \r\n"
						  "Zero: 0\r\n"
						  "Most: 18446744073709551615\r\n"
						  "\r\n")));
	buf_fini(&out);
}

/* A buffer that is too small reports this at the end, and has a prefix of the output. */
static void
test_a_full_buffer_is_noticed(void **state)
{
	static const char whole[] =
		"HTTP/1.1 200 OK\r\nA-Long-Name: and a long value\r\nB: c\r\n\r\n";

	(void)state;
	for (size_t max = 0; max < sizeof(whole); max++) {
		struct buf out;

		buf_init(&out, max);
		http1_write_status_line(&out, 200);
		http1_write_field(&out, STR("A-Long-Name"), STR("and a long value"));
		http1_write_field(&out, STR("B"), STR("c"));
		http1_write_end(&out);
		assert_int_equal(buf_is_ok(&out), max == sizeof(whole) - 1);
		assert_true(str_starts_with(str_from(whole), buf_view(&out)));
		buf_fini(&out);
	}
}

static void
test_chunk_lines(void **state)
{
	static const struct {
		uint64_t len;
		const char *line;
	} cases[] = {
		{1, "1\r\n"},
		{10, "a\r\n"},
		{255, "ff\r\n"},
		{65536, "10000\r\n"},
		{UINT64_MAX, "ffffffffffffffff\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char line[HTTP1_CHUNK_LINE_MAX];
		size_t len = http1_chunk_line(cases[i].len, line);
		assert_true(str_equal((struct str){line, len}, str_from(cases[i].line)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_lines),
		cmocka_unit_test(test_a_full_buffer_is_noticed),
		cmocka_unit_test(test_chunk_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
