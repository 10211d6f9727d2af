/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/downstream/rate: only time spent waiting counts, and only whole periods are checked.
 */
#include "proxy/downstream/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct rate_limit limit = {.bytes_per_s = 100, .period_ms = 5000};

static void
test_only_waiting_counts(void **state)
{
	struct rate r;

	(void)state;
	rate_begin(&r, 1000);
	assert_int_equal(rate_left_ms(&r, &limit, 10), UINT64_MAX);
	rate_wait(&r, 1000, true);
	assert_int_equal(rate_left_ms(&r, &limit, 1000), 5000);
	assert_int_equal(rate_left_ms(&r, &limit, 3000), 3000);
	rate_wait(&r, 3000, true); /* once more is the same */
	rate_wait(&r, 4000, false);
	rate_wait(&r, 4500, false);
	assert_int_equal(rate_left_ms(&r, &limit, 900000), UINT64_MAX);
	rate_wait(&r, 900000, true);
	assert_int_equal(rate_left_ms(&r, &limit, 900000), 2000);
	assert_int_equal(rate_left_ms(&r, &limit, 902000), 0);
	assert_int_equal(rate_left_ms(&r, &limit, 999999), 0);
}

static void
test_bytes_of_a_period(void **state)
{
	struct rate r;

	(void)state;
	rate_begin(&r, 1000);
	assert_false(rate_is_met(&r, &limit, 1000));
	assert_false(rate_is_met(&r, &limit, 1499));
	assert_true(rate_is_met(&r, &limit, 1500));
	assert_true(rate_is_met(&r, &limit, UINT64_MAX));
	assert_false(rate_is_met(&r, &limit, 0));
	rate_begin(&r, 1500);
	assert_false(rate_is_met(&r, &limit, 1999));
}

static void
test_no_limit(void **state)
{
	const struct rate_limit none = {.bytes_per_s = 0, .period_ms = 5000};
	struct rate r;

	(void)state;
	rate_begin(&r, 0);
	rate_wait(&r, 1, true);
	assert_int_equal(rate_left_ms(&r, &none, 1000000), UINT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_waiting_counts),
		cmocka_unit_test(test_bytes_of_a_period),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
