/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads digits one by one; nothing depends on the C library's locale or time zone.
 */
#include "base/clock_parse.h"

#include <string.h>
#include <time.h>

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

/* Reads the fraction of a second, in milliseconds; drops further digits. */
static int
take_milliseconds(struct time_reader *r)
{
	int ms = 0;
	int weight = 100;

	for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, weight /= 10)
		ms += (*r->at - '0') * weight;
	return ms;
}

/* Reads a time zone in minutes east of UTC. False: the text is no time zone. */
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

/* Returns seconds since 1970 UTC; timegm(3) is not in POSIX. Counts months from March, so that the
 * leap day is the last day of a year. */
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
