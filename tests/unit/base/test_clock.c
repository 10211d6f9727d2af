/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks agree with the kernel's, and dates are written as their standards say.
 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/clock_parse.h"

static void
assert_rfc3339(int64_t wall_ms, const char *expected)
{
	char out[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(wall_ms, out, sizeof(out));
	assert_string_equal(out, expected);
}

static void
assert_http_date(int64_t wall_s, const char *expected)
{
	char out[CLOCK_HTTP_DATE_SIZE];

	clock_format_http_date(wall_s, out, sizeof(out));
	assert_string_equal(out, expected);
}

static void
test_rfc3339(void **state)
{
	(void)state;
	assert_rfc3339(0, "1970-01-01T00:00:00.000Z");
	assert_rfc3339(INT64_C(1769860800123), "2026-01-31T12:00:00.123Z");
	assert_rfc3339(INT64_C(951825599999), "2000-02-29T11:59:59.999Z");
	assert_rfc3339(-1, "1969-12-31T23:59:59.999Z");
	assert_rfc3339(-1000, "1969-12-31T23:59:59.000Z");
	assert_rfc3339(INT64_C(253402300799999), "9999-12-31T23:59:59.999Z");
}

static void
assert_time(const char *text, size_t expected_len, int64_t expected_ms)
{
	int64_t ms = -1;

	assert_int_equal(clock_parse_time(text, strlen(text), &ms, NULL), expected_len);
	assert_int_equal(ms, expected_ms);
}

static void
test_times_of_logs(void **state)
{
	static const char *const none[] = {"",
					   "2026",
					   "2026-01-31",
					   "2026-01-31T12:00",
					   "2026-13-31T12:00:00Z",
					   "1969-01-31T12:00:00Z",
					   "2026-01-31X12:00:00Z",
					   "2026-01-31T24:00:00Z",
					   " 2026-01-31T12:00:00Z"};
	bool has_zone = true;
	int64_t ms = -1;

	(void)state;
	assert_time("2026-01-31T12:00:00.123Z", 24, INT64_C(1769860800123));
	assert_time("2026-01-31t12:00:00z rest", 20, INT64_C(1769860800000));
	assert_time("2026-01-31T14:00:00+02:00", 25, INT64_C(1769860800000));
	assert_time("2026-01-31T10:30:00-0130", 24, INT64_C(1769860800000));
	assert_time("2026-01-31 12:00:00,123 INFO", 23, INT64_C(1769860800123));
	assert_time("2026-01-31 12:00:00.1234567891 x", 30, INT64_C(1769860800123));
	assert_time("2026-01-31 12:00:00+x", 19, INT64_C(1769860800000));
	assert_int_equal(clock_parse_time("2026-01-31 12:00:00", 19, &ms, &has_zone), 19);
	assert_false(has_zone);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_time(none[i], 0, -1);
}

static void
test_http_date(void **state)
{
	(void)state;
	assert_http_date(INT64_C(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_http_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_http_date(INT64_C(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

static void
test_years_are_clamped(void **state)
{
	(void)state;
	assert_http_date(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_http_date(INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT");
	assert_rfc3339(INT64_C(253402300800000), "9999-12-31T23:59:59.000Z");
}

static void
test_every_day_agrees_with_strftime(void **state)
{
	char expected[CLOCK_HTTP_DATE_SIZE];

	(void)state;
	for (int64_t day = -200; day < 40000; day += 3) {
		time_t at = (time_t)(day * 86400 + day % 86400);
		struct tm t;

		assert_non_null(gmtime_r(&at, &t));
		assert_true(strftime(expected, sizeof(expected), "%a, %d %b %Y %H:%M:%S GMT", &t) >
			    0);
		assert_http_date(at, expected);
	}
}

/* Milliseconds may be as old as the last tick before the machine was paused. */
static void
test_readings_agree(void **state)
{
	const uint64_t lag_ms = 1000;
	uint64_t before_us = clock_monotonic_us();
	uint64_t ms = clock_monotonic_ms();
	uint64_t after_us = clock_monotonic_us();
	int64_t before_s = time(NULL) - 1;
	int64_t wall_ms = clock_wall_ms();
	int64_t wall_s = clock_wall_s();
	int64_t wall_us = clock_wall_us();

	(void)state;
	assert_true(before_us / 1000 <= ms + lag_ms && ms <= after_us / 1000);
	assert_true(before_s <= wall_ms / 1000 && wall_ms / 1000 <= wall_s);
	assert_true(wall_ms <= wall_us / 1000);
	assert_true(wall_s <= before_s + 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_times_of_logs),
		cmocka_unit_test(test_http_date),
		cmocka_unit_test(test_years_are_clamped),
		cmocka_unit_test(test_every_day_agrees_with_strftime),
		cmocka_unit_test(test_readings_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
