/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison in constant time.
 */
#include "base/crypto/crypto_equal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_equal(void **state)
{
	(void)state;
	assert_true(crypto_equal(STR("abc"), STR("abc")));
	assert_false(crypto_equal(STR("abc"), STR("abd")));
	assert_false(crypto_equal(STR("bbc"), STR("abc")));
	assert_false(crypto_equal(STR("abc"), STR("ab")));
	assert_true(crypto_equal(STR_NONE, STR("")));
}

/* Compares whole words and remainders. */
static void
test_equal_looks_at_every_byte(void **state)
{
	char a[35];
	char b[sizeof(a)];

	(void)state;
	memset(a, 'x', sizeof(a));
	for (size_t len = 1; len <= sizeof(a); len++) {
		memcpy(b, a, sizeof(b));
		assert_true(crypto_equal((struct str){a, len}, (struct str){b, len}));
		for (size_t at = 0; at < len; at++) {
			b[at] ^= (char)(1 << at % 7);
			assert_false(crypto_equal((struct str){a, len}, (struct str){b, len}));
			b[at] = a[at];
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_equal_looks_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
