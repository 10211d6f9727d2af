/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the bytes and the waiting time of the current period.
 */
#include "proxy/downstream/rate.h"

void
rate_begin(struct rate *r, uint64_t bytes)
{
	*r = (struct rate){.start_bytes = bytes};
}

void
rate_wait(struct rate *r, uint64_t now_ms, bool is_waiting)
{
	if (is_waiting == (r->since_ms != 0))
		return;
	if (is_waiting) {
		r->since_ms = now_ms;
		return;
	}
	r->waited_ms += now_ms - r->since_ms;
	r->since_ms = 0;
}

uint64_t
rate_left_ms(const struct rate *r, const struct rate_limit *limit, uint64_t now_ms)
{
	if (r->since_ms == 0 || limit->bytes_per_s == 0)
		return UINT64_MAX;
	uint64_t waited_ms = r->waited_ms + (now_ms - r->since_ms);
	return waited_ms < limit->period_ms ? limit->period_ms - waited_ms : 0;
}

/* Settings keep the product far from an overflow. */
bool
rate_is_met(const struct rate *r, const struct rate_limit *limit, uint64_t bytes)
{
	return bytes >= r->start_bytes &&
	       bytes - r->start_bytes >= limit->bytes_per_s * limit->period_ms / 1000;
}

bool
rate_is_too_slow(struct rate *r, const struct rate_limit *limit, uint64_t now_ms, uint64_t bytes)
{
	if (rate_left_ms(r, limit, now_ms) > 0)
		return false;
	if (!rate_is_met(r, limit, bytes))
		return true;
	rate_begin(r, bytes);
	rate_wait(r, now_ms, true);
	return false;
}
