/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks once per period that a peer transfers enough bytes. A period consists of time spent
 * waiting for that peer; delays caused by the other side do not count.
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
	uint64_t start_bytes; /* number of bytes at the start of the period */
	uint64_t waited_ms;   /* waiting time of the period before since_ms */
	uint64_t since_ms;    /* start of the current wait; 0: not waiting */
};

/* Starts a period. bytes: the number of bytes that the peer has transferred so far. */
void rate_begin(struct rate *r, uint64_t bytes);

/* Records that waiting for the peer begins or ends. */
void rate_wait(struct rate *r, uint64_t now_ms, bool is_waiting);

/* Returns the remaining waiting time of the period; UINT64_MAX if not waiting or without a limit.
 */
uint64_t rate_left_ms(const struct rate *r, const struct rate_limit *limit, uint64_t now_ms);

/* Whether the peer has transferred enough bytes for a whole period. */
bool rate_is_met(const struct rate *r, const struct rate_limit *limit, uint64_t bytes);

/* At the end of a period, returns whether the peer was too slow, or starts the next period. */
bool rate_is_too_slow(struct rate *r, const struct rate_limit *limit, uint64_t now_ms,
		      uint64_t bytes);

#endif
