/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeats in the log: how many lines pass, what is said of the rest, and when it begins anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log/log_limit.h"

static const char first[] = "first";
static const char second[] = "second";

static unsigned
count_admitted(struct log_limit *r, const char *message, uint64_t now_ms, unsigned lines)
{
	unsigned admitted = 0;

	for (unsigned i = 0; i < lines; i++)
		admitted += log_limit_admit(r, message, now_ms);
	return admitted;
}

static void
test_limit_and_report_of_suppressed_lines(void **state)
{
	struct log_limit r = {.count = 0};
	uint64_t left_out = 0;

	(void)state;
	assert_int_equal(count_admitted(&r, first, 5000, LOG_LIMIT_LINES + 7), LOG_LIMIT_LINES);
	assert_int_equal(count_admitted(&r, second, 5000, 3), 3);
	assert_int_equal(r.limited, 1);
	assert_null(log_limit_take(&r, 5000 + LOG_LIMIT_PERIOD_MS - 1, false, &left_out));
	assert_ptr_equal(log_limit_take(&r, 5000 + LOG_LIMIT_PERIOD_MS, false, &left_out), first);
	assert_int_equal(left_out, 7);
	assert_null(log_limit_take(&r, UINT64_MAX, true, &left_out));
	assert_int_equal(r.limited, 0);
	assert_int_equal(count_admitted(&r, first, 30000, LOG_LIMIT_LINES + 1), LOG_LIMIT_LINES);
}

static void
test_slow_repetitions_are_never_limited(void **state)
{
	struct log_limit r = {.count = 0};

	(void)state;
	for (uint64_t i = 0; i < 5 * LOG_LIMIT_LINES; i++)
		assert_true(log_limit_admit(&r, first,
					    i * (LOG_LIMIT_PERIOD_MS / LOG_LIMIT_LINES + 1)));
}

static void
test_all_are_notified_at_the_end(void **state)
{
	struct log_limit r = {.count = 0};
	uint64_t left_out = 0;

	(void)state;
	(void)count_admitted(&r, first, 1, LOG_LIMIT_LINES + 1);
	(void)count_admitted(&r, second, 1, LOG_LIMIT_LINES + 2);
	assert_ptr_equal(log_limit_take(&r, 2, true, &left_out), first);
	assert_int_equal(left_out, 1);
	assert_ptr_equal(log_limit_take(&r, 2, true, &left_out), second);
	assert_int_equal(left_out, 2);
	assert_null(log_limit_take(&r, 2, true, &left_out));
}

static void
test_messages_beyond_the_table_pass(void **state)
{
	static char many[LOG_LIMIT_MESSAGES + 1];
	struct log_limit r = {.count = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		assert_true(log_limit_admit(&r, &many[i], 1));
	assert_int_equal(count_admitted(&r, &many[LOG_LIMIT_MESSAGES], 1, 1000), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_and_report_of_suppressed_lines),
		cmocka_unit_test(test_slow_repetitions_are_never_limited),
		cmocka_unit_test(test_all_are_notified_at_the_end),
		cmocka_unit_test(test_messages_beyond_the_table_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
