/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets that refill completely in one minute. A bucket is stored as the time (monotonic) at
 * which it will be full; 0: full. Taking a token moves that time later by the refill time of one
 * token, and has to wait if the time would be more than one minute in the future.
 */
#ifndef BASE_TOKEN_BUCKET_H
#define BASE_TOKEN_BUCKET_H

#include <stdint.h>

#define TOKEN_BUCKET_MINUTE_MS UINT64_C(60000)

static inline uint64_t
token_bucket_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Milliseconds until a bucket of this size regains one token, 1..60000. */
static inline uint64_t
token_bucket_token_ms(uint64_t max)
{
	return TOKEN_BUCKET_MINUTE_MS / max;
}

/* Milliseconds until one more charge is possible when only `usable` tokens may be used; 0: now. */
static inline uint64_t
token_bucket_wait_ms(uint64_t full_ms, uint64_t max, uint64_t usable, uint64_t now_ms)
{
	uint64_t charged_ms = token_bucket_later(full_ms, now_ms) + token_bucket_token_ms(max);
	uint64_t limit_ms = now_ms + usable * token_bucket_token_ms(max);

	return charged_ms > limit_ms ? charged_ms - limit_ms : 0;
}

static inline void
token_bucket_charge(uint64_t *full_ms, uint64_t max, uint64_t now_ms)
{
	*full_ms = token_bucket_later(*full_ms, now_ms) + token_bucket_token_ms(max);
}

static inline void
token_bucket_refund(uint64_t *full_ms, uint64_t max)
{
	*full_ms -= *full_ms < token_bucket_token_ms(max) ? *full_ms : token_bucket_token_ms(max);
}

#endif
