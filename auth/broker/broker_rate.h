/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limit for requests of one workspace to GitLab, per minute. Memory is constant: when the
 * table is full, a new workspace replaces one with few recent requests.
 */
#ifndef AUTH_BROKER_BROKER_RATE_H
#define AUTH_BROKER_BROKER_RATE_H

#include "base/str.h"

#define BROKER_RATE_SETS 1024u
#define BROKER_RATE_WAYS 4u

struct broker_rate_bucket {
	uint64_t workspace; /* a digest of its host */
	uint64_t full_ms;
};

/* Set max, 1..60000; the rest is zero. */
struct broker_rate {
	uint64_t max; /* requests of one workspace per minute */
	struct broker_rate_bucket buckets[BROKER_RATE_SETS][BROKER_RATE_WAYS];
};

/* False: the limit is exceeded; try again after *retry_after_s. */
bool broker_rate_charge(struct broker_rate *r, struct str authority,
			uint32_t *retry_after_s) MUST_CHECK;

#endif
