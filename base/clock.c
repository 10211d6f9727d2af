/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readings of the two clocks, and the two date formats that the program emits. Dates are written
 * without the C library's locale; years outside 0..9999, which neither format can represent, are
 * clamped.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#include "base/err.h"

#ifndef CLOCK_MONOTONIC_COARSE /* of Linux: cheaper */
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#define CLOCK_REALTIME_COARSE  CLOCK_REALTIME
#endif

#define FIRST_SECOND INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define LAST_SECOND  INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static struct timespec
read_clock(clockid_t id)
{
	struct timespec now;

	err_assert(clock_gettime(id, &now) == 0);
	return now;
}

uint64_t
clock_monotonic_ms(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC_COARSE);

	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t
clock_monotonic_us(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);

	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

int64_t
clock_wall_s(void)
{
	return read_clock(CLOCK_REALTIME_COARSE).tv_sec;
}

int64_t
clock_wall_ms(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME_COARSE);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_wall_us(void)
{
	struct timespec now = read_clock(CLOCK_REALTIME);

	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static char *
put_digits(char *out, int value, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		out[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return out + width;
}

static char *
put_text(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

static char *
put_time(char *out, const struct tm *t)
{
	out = put_digits(out, t->tm_hour, 2);
	*out++ = ':';
	out = put_digits(out, t->tm_min, 2);
	*out++ = ':';
	return put_digits(out, t->tm_sec, 2);
}

static struct tm
split_time(int64_t wall_s)
{
	time_t seconds = (time_t)wall_s;
	struct tm t;

	if (wall_s < FIRST_SECOND)
		seconds = FIRST_SECOND;
	if (wall_s > LAST_SECOND)
		seconds = LAST_SECOND;
	err_assert(gmtime_r(&seconds, &t) != NULL);
	return t;
}

void
clock_format_rfc3339(int64_t wall_ms, char *out, size_t size)
{
	int64_t seconds = wall_ms / 1000;
	int ms = (int)(wall_ms % 1000);
	struct tm t;

	err_assert(size >= CLOCK_RFC3339_SIZE);
	if (ms < 0) {
		ms += 1000;
		seconds--;
	}
	t = split_time(seconds);
	out = put_digits(out, t.tm_year + 1900, 4);
	*out++ = '-';
	out = put_digits(out, t.tm_mon + 1, 2);
	*out++ = '-';
	out = put_digits(out, t.tm_mday, 2);
	*out++ = 'T';
	out = put_time(out, &t);
	*out++ = '.';
	out = put_digits(out, ms, 3);
	(void)put_text(out, "Z", 2);
}

void
clock_format_http_date(int64_t wall_s, char *out, size_t size)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm t = split_time(wall_s);

	err_assert(size >= CLOCK_HTTP_DATE_SIZE);
	out = put_text(out, days[t.tm_wday], 3);
	out = put_text(out, ", ", 2);
	out = put_digits(out, t.tm_mday, 2);
	*out++ = ' ';
	out = put_text(out, months[t.tm_mon], 3);
	*out++ = ' ';
	out = put_digits(out, t.tm_year + 1900, 4);
	*out++ = ' ';
	out = put_time(out, &t);
	(void)put_text(out, " GMT", 5);
}
