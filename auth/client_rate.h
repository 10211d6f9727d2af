/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate limit for questions that clients without a session make us ask GitLab: callbacks with a
 * code, and API tokens that are not known. GitLab limits our requests as a whole, so without it one
 * client could use up what the refreshes of signed-in users need.
 *
 * Token buckets, one for each client (see client_quota.h) and one for all, are charged when a
 * question begins and refunded when it succeeds: only failures cost. The last part of the common
 * bucket is for clients that are owed nothing. After GitLab has answered 429, nothing is asked for
 * clients without a session until its Retry-After has passed. Refreshes are never limited here.
 */
#ifndef AUTH_CLIENT_RATE_H
#define AUTH_CLIENT_RATE_H

#include "base/str.h"

#define CLIENT_RATE_CLIENTS 256u /* remembered; one more replaces the one that owes least */

/* A client that owes something: its bucket is full again at full_ms (monotonic). */
struct client_rate_bucket {
	uint64_t client; /* 0: unused */
	uint64_t full_ms;
};

/* All zero: every bucket is full. */
struct client_rate {
	struct client_rate_bucket clients[CLIENT_RATE_CLIENTS];
	uint64_t full_ms; /* of the common bucket */
	uint64_t blocked_until_ms;
	uint64_t warned_ms;
	uint64_t refused; /* counts */
};

/* Charges one question. False: not now, but after *retry_after_s; logged once a minute. */
bool client_rate_charge(struct client_rate *r, struct str client_ip,
			uint32_t *retry_after_s) MUST_CHECK;

/* The question of this client (client_key) succeeded. */
void client_rate_refund(struct client_rate *r, uint64_t client);

/* GitLab answered 429. */
void client_rate_block(struct client_rate *r, uint32_t retry_after_s);

#endif
