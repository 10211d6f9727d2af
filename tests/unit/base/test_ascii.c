/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/ascii: each class against all 256 bytes, and strings of one class.
 */
#include "base/ascii.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool
is_in(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static void
test_classes(void **state)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char digits[] = "0123456789";

	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;

		assert_int_equal(ascii_is_digit(c), is_in(digits, c));
		assert_int_equal(ascii_is_lower(c), is_in(lower, c));
		assert_int_equal(ascii_is_alpha(c), is_in(lower, c) || is_in(upper, c));
		assert_int_equal(ascii_is_alnum(c), ascii_is_alpha(c) || is_in(digits, c));
		assert_int_equal(ascii_is_control(c), i < 32 || i == 127);
		assert_int_equal(ascii_to_lower(c),
				 is_in(upper, c) ? lower[strchr(upper, c) - upper] : c);
	}
}

static void
test_hexadecimal(void **state)
{
	static const char digits[] = "0123456789abcdef";

	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		int value = is_in(digits, c) ? (int)(strchr(digits, c) - digits) : -1;

		assert_int_equal(ascii_lower_hex_value(c), value);
		if (c >= 'A' && c <= 'F')
			value = c - 'A' + 10;
		assert_int_equal(ascii_hex_value(c), value);
	}
	assert_true(ascii_all_lower_hex(STR("09af")));
	assert_false(ascii_all_lower_hex(STR("09aF")));
	assert_false(ascii_all_lower_hex(STR("09g")));
	assert_true(ascii_all_lower_hex(STR_NONE));
}

static void
test_strings(void **state)
{
	(void)state;
	assert_true(ascii_all_alnum_or(STR("aZ09-_"), STR("-_")));
	assert_false(ascii_all_alnum_or(STR("aZ09.-_"), STR("-_")));
	assert_false(ascii_all_alnum_or(STR("a\0b"), STR("-_")));
	assert_false(ascii_all_alnum_or(STR("\xc3\xa4"), STR("-_")));
	assert_true(ascii_all_alnum_or(STR_NONE, STR_NONE));
	assert_true(ascii_all_alnum_or(STR("X-Y|z~"), ASCII_TOKEN_OTHERS));
	assert_false(ascii_all_alnum_or(STR("a b"), ASCII_TOKEN_OTHERS));
	assert_false(ascii_has_control(STR("a b \xff")));
	assert_true(ascii_has_control(STR("a\nb")));
	assert_true(ascii_has_control(STR("a\0b")));
	assert_true(ascii_has_control(STR("a\x7f")));
	assert_true(ascii_all_visible(STR("!~")));
	assert_false(ascii_all_visible(STR("a b")));
	assert_false(ascii_all_visible(STR("a\x80")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_hexadecimal),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
