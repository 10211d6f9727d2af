/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binary records: what is written is read again, and nothing is read past the end.
 */
#include "base/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_round_trip(void **state)
{
	struct record_reader r = {STR_NONE, true};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	record_write_number(&out, 7, 1);
	record_write_number(&out, UINT64_MAX, 8);
	record_write_text(&out, STR("text"), 2);
	record_write_text(&out, STR_NONE, 4);
	assert_true(buf_is_ok(&out));
	r.rest = buf_view(&out);
	assert_int_equal(record_read_number(&r, 1), 7);
	assert_true(record_read_number(&r, 8) == UINT64_MAX);
	assert_true(str_equal(record_read_text(&r, 2, 4), STR("text")));
	assert_int_equal(record_read_text(&r, 4, 4).len, 0);
	assert_true(r.ok);
	assert_int_equal(r.rest.len, 0);
	buf_fini(&out);
}

static void
test_big_endian(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 16);
	record_write_number(&out, 0x010203, 3);
	record_write_text(&out, STR("ab"), 2);
	assert_true(str_equal(buf_view(&out), STR("\1\2\3\0\2"
						  "ab")));
	buf_fini(&out);
}

static void
test_overflow_fails_the_buffer(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 16);
	record_write_number(&out, 256, 1);
	assert_false(buf_is_ok(&out));
	buf_clear(&out);
	record_write_text(&out, STR("longer than sixteen"), 2);
	assert_false(buf_is_ok(&out));
	buf_fini(&out);
}

/* Every record that is cut, and one whose text is longer than allowed. */
static void
test_missing_bytes_are_noticed(void **state)
{
	const struct str whole = STR("\0\3abc\7");

	(void)state;
	for (size_t len = 0; len <= whole.len; len++) {
		struct record_reader r = {str_take(whole, len), true};

		(void)record_read_text(&r, 2, 3);
		(void)record_read_number(&r, 1);
		assert_int_equal(r.ok, len == whole.len);
	}
	struct record_reader r = {whole, true};
	(void)record_read_text(&r, 2, 2);
	assert_false(r.ok);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_overflow_fails_the_buffer),
		cmocka_unit_test(test_missing_bytes_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
