/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts in thousandths, so that a refill after a millisecond is not lost.
 */
#include "proxy/http/http2/http2_flood.h"

#define TOKEN 1000u

static void
add(struct http2_bucket *b, uint64_t thousandths)
{
	uint64_t full = (uint64_t)b->burst * TOKEN;

	b->tokens = thousandths < full - b->tokens ? b->tokens + thousandths : full;
}

void
http2_bucket_init(struct http2_bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
	*b = (struct http2_bucket){.burst = burst, .per_s = per_s, .filled_ms = now_ms};
	b->tokens = (uint64_t)burst * TOKEN;
}

void
http2_bucket_widen(struct http2_bucket *b, uint32_t burst, uint32_t per_s)
{
	uint32_t more = burst > b->burst ? burst - b->burst : 0;

	b->burst += more;
	b->per_s = per_s;
	add(b, (uint64_t)more * TOKEN);
}

bool
http2_bucket_take(struct http2_bucket *b, uint64_t now_ms)
{
	/* Tokens per second are thousandths per millisecond. */
	if (now_ms > b->filled_ms) {
		uint64_t passed_ms = now_ms - b->filled_ms;
		add(b, passed_ms < UINT32_MAX ? passed_ms * b->per_s : UINT64_MAX);
		b->filled_ms = now_ms;
	}
	if (b->tokens < TOKEN)
		return false;
	b->tokens -= TOKEN;
	return true;
}

void
http2_bucket_give(struct http2_bucket *b, uint32_t tokens)
{
	add(b, (uint64_t)tokens * TOKEN);
}
