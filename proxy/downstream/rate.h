/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a peer transfers enough bytes: checked once per period, where only time spent waiting
 * for that peer counts. Delays caused by the other side do not count.
 */
#ifndef PROXY_DOWNSTREAM_RATE_H
#define PROXY_DOWNSTREAM_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
	uint64_t bytes_per_s; /* 0: none */
	uint64_t period_ms;
};

struct rate {
	uint64_t start_bytes; /* of the count at the beginning of the period */
	uint64_t waited_ms;   /* of it, up to since_ms */
	uint64_t since_ms;    /* when waiting began; 0: not waiting */
};

/* A new period. bytes is any count that grows with what the peer moves. */
void rate_begin(struct rate *r, uint64_t bytes);

/* From now on the peer is waited for, or not. */
void rate_wait(struct rate *r, uint64_t now_ms, bool is_waiting);

/* Remaining waiting time of the period; UINT64_MAX when not waiting or without a limit. */
uint64_t rate_left_ms(const struct rate *r, const struct rate_limit *limit, uint64_t now_ms);

/* Whether enough bytes moved for a whole period of waiting. */
bool rate_is_met(const struct rate *r, const struct rate_limit *limit, uint64_t bytes);

/* Where a period is over, looks at what moved in it and begins the next one. */
bool rate_is_too_slow(struct rate *r, const struct rate_limit *limit, uint64_t now_ms,
		      uint64_t bytes);

#endif
