/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses quantities into floating point, which is exact enough to compare them.
 */
#include "container/inject/value/quantity.h"

#include <math.h>

#define DIGITS_MAX 18u

static bool
find_suffix(struct str suffix, double *factor)
{
	static const struct {
		const char *suffix;
		double factor;
	} suffixes[] = {
		{"", 1},
		{"n", 1e-9},
		{"u", 1e-6},
		{"m", 1e-3},
		{"k", 1e3},
		{"M", 1e6},
		{"G", 1e9},
		{"T", 1e12},
		{"P", 1e15},
		{"E", 1e18},
		{"Ki", 1024.0},
		{"Mi", 1048576.0},
		{"Gi", 1073741824.0},
		{"Ti", 1099511627776.0},
		{"Pi", 1125899906842624.0},
		{"Ei", 1152921504606846976.0},
	};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (!str_equal(suffix, str_from(suffixes[i].suffix)))
			continue;
		*factor = suffixes[i].factor;
		return true;
	}
	return false;
}

static bool
parse_quantity(struct str text, double *value)
{
	size_t at = 0;
	size_t digits = 0;
	double place = 0; /* after the point: the value of the last digit */
	double factor = 1;

	*value = 0;
	for (; at < text.len; at++) {
		char c = text.data[at];
		if (c == '.' && place <= 0) {
			place = 1;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		*value = *value * 10 + (c - '0');
		place /= 10;
		digits++;
	}
	if (digits == 0 || digits > DIGITS_MAX || !find_suffix(str_skip(text, at), &factor))
		return false;
	*value *= (place > 0 ? place : 1) * factor;
	return true;
}

bool
quantity_equal(struct str a, struct str b)
{
	double x;
	double y;

	return parse_quantity(a, &x) && parse_quantity(b, &y) && fabs(x - y) <= fabs(x) * 1e-9;
}

bool
quantity_is_valid(struct str text)
{
	double value;

	return parse_quantity(text, &value);
}

bool
quantity_exceeds(struct str a, struct str b)
{
	double x;
	double y;

	return parse_quantity(a, &x) && parse_quantity(b, &y) && x > y && !quantity_equal(a, b);
}
