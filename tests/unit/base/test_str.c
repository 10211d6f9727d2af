/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views and bounded buffers: empty views, edges of every search, and the maximum of a buffer.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void
assert_str(struct str s, const char *expected)
{
	assert_int_equal(s.len, strlen(expected));
	if (s.len > 0)
		assert_memory_equal(s.data, expected, s.len);
}

static void
test_comparisons(void **state)
{
	(void)state;
	assert_true(str_equal(STR("abc"), STR("abc")));
	assert_true(str_equal(STR_NONE, STR("")));
	assert_false(str_equal(STR("abc"), STR("abC")));
	assert_false(str_equal(STR("abc"), STR("ab")));
	assert_true(str_equal_nocase(STR("Content-LENGTH"), STR("content-length")));
	assert_false(str_equal_nocase(STR("a[z"), STR("A{Z")));
	assert_false(str_equal_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
	assert_true(str_equal_nocase(STR_NONE, STR_NONE));
	assert_false(str_equal_nocase(STR("a"), STR("aa")));
}

static void
test_prefix_and_suffix(void **state)
{
	(void)state;
	assert_true(str_starts_with(STR("https://x"), STR("https://")));
	assert_false(str_starts_with(STR("http"), STR("https")));
	assert_true(str_starts_with(STR_NONE, STR("")));
	assert_true(str_starts_with_nocase(STR("Bearer x"), STR("bearer ")));
	assert_true(str_ends_with(STR("a.example"), STR(".example")));
	assert_false(str_ends_with(STR("ample"), STR("example")));
	assert_true(str_ends_with(STR("a"), STR_NONE));
	assert_true(str_ends_with_nocase(STR("x.GIT"), STR(".git")));
	assert_false(str_ends_with_nocase(STR("x.GIT"), STR(".gix")));
}

static void
test_find(void **state)
{
	(void)state;
	assert_int_equal(str_find_byte(STR("a:b:"), ':'), 1);
	assert_true(str_find_byte(STR("abc"), ':') == SIZE_MAX);
	assert_true(str_find_byte(STR_NONE, ':') == SIZE_MAX);
	assert_int_equal(str_find_byte(STR("a\0b"), '\0'), 1);
	assert_int_equal(str_find(STR("abcabd"), STR("abd")), 3);
	assert_true(str_find(STR("ab"), STR("abd")) == SIZE_MAX);
	assert_int_equal(str_find(STR("ab"), STR("")), 0);
	assert_int_equal(str_find(STR_NONE, STR_NONE), 0);
	assert_true(str_find(STR_NONE, STR("a")) == SIZE_MAX);
}

static void
test_parts_clamp(void **state)
{
	(void)state;
	assert_str(str_skip(STR("abc"), 1), "bc");
	assert_str(str_skip(STR("abc"), 3), "");
	assert_str(str_skip(STR("abc"), SIZE_MAX), "");
	assert_str(str_skip(STR_NONE, 1), "");
	assert_str(str_take(STR("abc"), 2), "ab");
	assert_str(str_take(STR("abc"), SIZE_MAX), "abc");
	assert_str(str_take(STR_NONE, 1), "");
	assert_true(str_is_empty(str_from(NULL)));
	assert_str(str_from("xy"), "xy");
}

static void
test_trim(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \t a b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR_NONE), "");
	assert_str(str_trim(STR("\na\v")), "\na\v");
}

static void
test_next_yields_every_part(void **state)
{
	struct str rest = STR("a,,b");
	struct str part;

	(void)state;
	assert_true(str_next(&rest, ',', &part));
	assert_str(part, "a");
	assert_true(str_next(&rest, ',', &part));
	assert_str(part, "");
	assert_true(str_next(&rest, ',', &part));
	assert_str(part, "b");
	assert_null(rest.data);
	assert_false(str_next(&rest, ',', &part));
	assert_false(str_next(&rest, ',', &part));

	rest = STR("");
	assert_true(str_next(&rest, ',', &part));
	assert_str(part, "");
	assert_false(str_next(&rest, ',', &part));

	rest = STR("a,");
	assert_true(str_next(&rest, ',', &part));
	assert_true(str_next(&rest, ',', &part));
	assert_str(part, "");
	assert_false(str_next(&rest, ',', &part));

	rest = STR_NONE;
	assert_false(str_next(&rest, ',', &part));
}

static void
test_to_u64(void **state)
{
	static const char *const bad[] = {"",
					  "+1",
					  "-1",
					  " 1",
					  "1 ",
					  "0x1",
					  "1e3",
					  "1.",
					  "1,",
					  "１",
					  "18446744073709551616",
					  "99999999999999999999999"};
	uint64_t value = 42;

	(void)state;
	assert_true(str_to_u64(STR("0"), 0, 10, &value));
	assert_true(value == 0);
	assert_true(str_to_u64(STR("18446744073709551615"), 0, UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_true(str_to_u64(STR("0080"), 1, 100, &value));
	assert_true(value == 80);
	value = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(str_to_u64(str_from(bad[i]), 0, UINT64_MAX, &value));
	assert_false(str_to_u64(STR_NONE, 0, 9, &value));
	assert_false(str_to_u64(STR("11"), 1, 10, &value));
	assert_false(str_to_u64(STR("0"), 1, 10, &value));
	assert_false(str_to_u64(STR("1\0"), 1, 10, &value));
	assert_true(value == 42);
}

static void
test_dup(void **state)
{
	char *copy = str_dup(str_take(STR("hello"), 4));

	(void)state;
	assert_string_equal(copy, "hell");
	free(copy);
	copy = str_dup(STR_NONE);
	assert_string_equal(copy, "");
	free(copy);
	assert_null(str_dup(STR("a\0b")));
}

static void
test_buf_grows_and_keeps_its_bytes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	for (int i = 0; i < 20000; i++)
		assert_true(buf_add_byte(&b, (char)('a' + i % 26)));
	assert_true(buf_add_str(&b, STR("tail")));
	assert_true(buf_add(&b, NULL, 0));
	assert_true(buf_addf(&b, "-%d-%s", 12, "x"));
	assert_int_equal(b.len, 20009);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_str(str_skip(buf_view(&b), 20000), "tail-12-x");
	buf_fini(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	assert_true(buf_add_str(&b, STR("again")));
	assert_str(buf_view(&b), "again");
	buf_wipe_fini(&b);
	assert_null(b.data);
}

static void
test_buf_never_passes_its_maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_true(buf_add_str(&b, STR("12345678")));
	assert_true(buf_is_ok(&b));
	assert_false(buf_add_byte(&b, '9'));
	assert_false(buf_is_ok(&b));
	assert_str(buf_view(&b), "12345678");
	buf_clear(&b);
	assert_true(buf_is_ok(&b));
	assert_true(buf_addf(&b, "%s", "12345678"));
	assert_false(buf_addf(&b, "%s", "x"));
	assert_str(buf_view(&b), "12345678");
	buf_fini(&b);

	buf_init(&b, 8);
	assert_false(buf_addf(&b, "%s", "123456789"));
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	buf_init(&b, 0);
	assert_true(buf_add(&b, "", 0));
	assert_false(buf_add_byte(&b, 'x'));
	buf_fini(&b);
}

static void
test_buf_holds_a_prefix_after_a_failure(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_true(buf_add_str(&b, STR("12")));
	assert_false(buf_add_str(&b, STR("3456789")));
	assert_false(buf_add_str(&b, STR("3")));
	assert_false(buf_addf(&b, "%d", 3));
	assert_str(buf_view(&b), "12");
	buf_fini(&b);
}

static void
test_buf_reserve_promises_room_only(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_true(buf_reserve(&b, 1000));
	assert_true(b.size >= 1000);
	memset(b.data, 'x', 1000);
	b.len = 1000;
	assert_false(buf_reserve(&b, 1));
	assert_false(buf_reserve(&b, SIZE_MAX));
	assert_true(buf_is_ok(&b));
	buf_fini(&b);
}

static void
test_buf_wipe_consume(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(buf_add_str(&b, STR("Cookie: canary")));
	buf_wipe_consume(&b, 8);
	assert_true(str_equal(buf_view(&b), STR("canary")));
	for (size_t i = 6; i < 14; i++)
		assert_int_equal(b.data[i], 0);
	buf_wipe_consume(&b, 100);
	assert_int_equal(b.len, 0);
	for (size_t i = 0; i < 14; i++)
		assert_int_equal(b.data[i], 0);
	buf_fini(&b);
}

static void
test_buf_consume(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_consume(&b, 5);
	buf_add_str(&b, STR("abcdef"));
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_str(buf_view(&b), "cdef");
	buf_consume(&b, 100);
	assert_str(buf_view(&b), "");
	buf_fini(&b);
}

static void
test_distance(void **state)
{
	char longer[STR_DISTANCE_MAX + 1];

	(void)state;
	memset(longer, 'a', sizeof(longer));
	assert_int_equal(str_distance(STR(""), STR("")), 0);
	assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
	assert_int_equal(str_distance(STR(""), STR("abc")), 3);
	assert_int_equal(str_distance(STR("prot"), STR("port")), 2);
	assert_int_equal(str_distance((struct str){longer, STR_DISTANCE_MAX}, STR("a")),
			 STR_DISTANCE_MAX - 1);
	assert_int_equal(str_distance((struct str){longer, sizeof(longer)}, STR("a")), SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_prefix_and_suffix),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_parts_clamp),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_next_yields_every_part),
		cmocka_unit_test(test_to_u64),
		cmocka_unit_test(test_dup),
		cmocka_unit_test(test_buf_grows_and_keeps_its_bytes),
		cmocka_unit_test(test_buf_never_passes_its_maximum),
		cmocka_unit_test(test_buf_holds_a_prefix_after_a_failure),
		cmocka_unit_test(test_buf_reserve_promises_room_only),
		cmocka_unit_test(test_buf_consume),
		cmocka_unit_test(test_buf_wipe_consume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
