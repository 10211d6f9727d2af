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

struct time_reader {
	const char *at;
	const char *end;
};

static bool
take(struct time_reader *r, const char *any_of)
{
	if (r->at == r->end || *r->at == '\0' || strchr(any_of, *r->at) == NULL)
		return false;
	r->at++;
	return true;
}

static bool
take_number(struct time_reader *r, int width, int min, int max, int *value)
{
	*value = 0;
	if (r->end - r->at < width)
		return false;
	for (int i = 0; i < width; i++, r->at++) {
		if (*r->at < '0' || *r->at > '9')
			return false;
		*value = *value * 10 + (*r->at - '0');
	}
	return *value >= min && *value <= max;
}

/* Digits beyond milliseconds are dropped. */
static int
take_milliseconds(struct time_reader *r)
{
	int ms = 0;
	int weight = 100;

	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, weight /= 10)
		ms += (*r->at - '0') * weight;
	return ms;
}

/* Minutes east of UTC. False: what follows is no time zone. */
static bool
take_zone(struct time_reader *r, int *minutes)
{
	struct time_reader start = *r;
	int hours;
	int rest;

	*minutes = 0;
	if (take(r, "Zz"))
		return true;
	bool is_west = r->at < r->end && *r->at == '-';
	if (!take(r, "+-") || !take_number(r, 2, 0, 23, &hours)) {
		*r = start;
		return false;
	}
	(void)take(r, ":");
	if (!take_number(r, 2, 0, 59, &rest)) {
		*r = start;
		return false;
	}
	*minutes = (hours * 60 + rest) * (is_west ? -1 : 1);
	return true;
}

static bool
take_date_and_time(struct time_reader *r, struct tm *t)
{
	bool ok = take_number(r, 4, 1970, 9999, &t->tm_year) && take(r, "-") &&
		  take_number(r, 2, 1, 12, &t->tm_mon) && take(r, "-") &&
		  take_number(r, 2, 1, 31, &t->tm_mday) && take(r, "Tt ") &&
		  take_number(r, 2, 0, 23, &t->tm_hour) && take(r, ":") &&
		  take_number(r, 2, 0, 59, &t->tm_min) && take(r, ":") &&
		  take_number(r, 2, 0, 60, &t->tm_sec);

	t->tm_year -= 1900;
	t->tm_mon -= 1;
	return ok;
}

/* Seconds since 1970 UTC: timegm(3) is not in POSIX. Months are counted from March, so that the day
 * of a leap year is the last of its year. */
static int64_t
seconds_of(const struct tm *t)
{
	int64_t year = (int64_t)t->tm_year + 1900 - (t->tm_mon < 2);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t month = (t->tm_mon + 10) % 12;
	int64_t day_of_year = (153 * month + 2) / 5 + t->tm_mday - 1;
	int64_t day = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		      day_of_year - 719468;

	return day * 86400 + t->tm_hour * 3600 + t->tm_min * 60 + t->tm_sec;
}

size_t
clock_parse_time(const char *text, size_t len, int64_t *wall_ms, bool *has_zone)
{
	struct time_reader r = {text, text + len};
	struct tm t = {.tm_isdst = 0};
	int minutes;
	int ms = 0;

	if (!take_date_and_time(&r, &t))
		return 0;
	if (take(&r, ".,"))
		ms = take_milliseconds(&r);
	bool is_zoned = take_zone(&r, &minutes);
	if (has_zone != NULL)
		*has_zone = is_zoned;
	*wall_ms = (seconds_of(&t) - (int64_t)minutes * 60) * 1000 + ms;
	return (size_t)(r.at - text);
}
