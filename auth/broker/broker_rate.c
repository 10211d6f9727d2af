/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set-associative table of token buckets, indexed by a digest of the host.
 */
#include "auth/broker/broker_rate.h"

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/token_bucket.h"

static uint64_t
digest_of(struct str authority)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];
	uint64_t value;

	crypto_sha256(authority, digest);
	memcpy(&value, digest, sizeof(value));
	return value;
}

/* Returns the workspace's bucket, or the fullest one of its set to reuse. */
static struct broker_rate_bucket *
take_bucket(struct broker_rate *r, uint64_t workspace)
{
	struct broker_rate_bucket *set = r->buckets[workspace % BROKER_RATE_SETS];
	struct broker_rate_bucket *least = &set[0];

	for (size_t i = 0; i < BROKER_RATE_WAYS; i++) {
		if (set[i].workspace == workspace)
			return &set[i];
		if (set[i].full_ms < least->full_ms)
			least = &set[i];
	}
	*least = (struct broker_rate_bucket){.workspace = workspace};
	return least;
}

bool
broker_rate_charge(struct broker_rate *r, struct str authority, uint32_t *retry_after_s)
{
	struct broker_rate_bucket *b = take_bucket(r, digest_of(authority));
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t ms = token_bucket_wait_ms(b->full_ms, r->max, r->max, now_ms);

	if (ms > 0) {
		*retry_after_s = (uint32_t)((ms + 999) / 1000);
		return false;
	}
	token_bucket_charge(&b->full_ms, r->max, now_ms);
	return true;
}
