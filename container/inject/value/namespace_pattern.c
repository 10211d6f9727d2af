/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and compares namespaces.
 */
#include "container/inject/value/namespace_pattern.h"

#include "base/ascii.h"
#include "base/dns_name.h"

#define STEM_MIN_BYTES 3u
#define NAME_MAX_BYTES 63u

static bool
is_pattern(struct str pattern)
{
	return str_ends_with(pattern, STR("*"));
}

static struct str
stem_of(struct str pattern)
{
	return str_take(pattern, pattern.len - is_pattern(pattern));
}

bool
namespace_pattern_is_valid(struct str pattern)
{
	struct str stem = stem_of(pattern);

	if (!is_pattern(pattern))
		return dns_is_label(pattern, DNS_CANONICAL);
	for (size_t i = 0; i < stem.len; i++)
		if (stem.data[i] != ascii_to_lower(stem.data[i]))
			return false;
	return stem.len >= STEM_MIN_BYTES && stem.len < NAME_MAX_BYTES && stem.data[0] != '-' &&
	       ascii_all_alnum_or(stem, STR("-"));
}

bool
namespace_pattern_matches(const char *pattern, struct str namespace)
{
	struct str whole = str_from(pattern);

	if (!dns_is_label(namespace, DNS_CANONICAL))
		return false;
	return is_pattern(whole) ? str_starts_with(namespace, stem_of(whole))
				 : str_equal(namespace, whole);
}
