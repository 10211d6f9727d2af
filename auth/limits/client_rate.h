/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate limit for requests to GitLab that clients without a session cause: callbacks with a code,
 * and unknown API tokens. GitLab has one limit for all our requests, so without this one client
 * could exhaust what token refreshes of signed-in users need.
 *
 * Token buckets, one for each client (see client_quota.h) and one for all, are charged when a
 * request begins and refunded when it succeeds: only failures count. A bucket holds the failures
 * of one minute. The common bucket is divided: clients with failures may use half of it, unknown
 * clients three quarters, and the rest is reserved for clients that have signed in before. After
 * GitLab has responded 429, no requests are sent for clients without a session until its
 * Retry-After has passed, at most a minute. Requests for sessions are never limited here.
 */
#ifndef AUTH_LIMITS_CLIENT_RATE_H
#define AUTH_LIMITS_CLIENT_RATE_H

#include "base/str.h"

/* Remembered clients; a further one replaces the one with the fullest bucket. */
#define CLIENT_RATE_CLIENTS 256u
/* Remembered clients with a success; a further one replaces the oldest. */
#define CLIENT_RATE_PROVEN 64u
#define CLIENT_RATE_MAX	   60000u

/* A client whose bucket is not full. It will be full at full_ms (monotonic clock). */
struct client_rate_bucket {
	uint64_t client; /* 0: unused */
	uint64_t full_ms;
};

/* Set the two limits; the rest is zero, so every bucket is full. */
struct client_rate {
	uint64_t client_max; /* failures of one client per minute, 1..CLIENT_RATE_MAX */
	uint64_t common_max; /* failures of all clients per minute, 1..CLIENT_RATE_MAX */
	struct client_rate_bucket clients[CLIENT_RATE_CLIENTS];
	uint64_t proven[CLIENT_RATE_PROVEN]; /* the latest success first; 0: unused */
	uint64_t full_ms;		     /* of the common bucket */
	uint64_t blocked_until_ms;
	uint64_t warned_ms;
	uint64_t refused; /* number of refused requests */
};

/* Charges one request. False: the limit is exceeded; try again after *retry_after_s. Logs that once
 * a minute. */
bool client_rate_charge(struct client_rate *r, struct str client_ip,
			uint32_t *retry_after_s) MUST_CHECK;

/* The request of this client (client_key) succeeded: refunds its charge. */
void client_rate_note_success(struct client_rate *r, uint64_t client);

/* Whether a request of this client (client_key) succeeded before. */
bool client_rate_is_proven(const struct client_rate *r, uint64_t client);

/* GitLab answered 429: blocks requests without a session for this time, at most a minute. */
void client_rate_block(struct client_rate *r, uint32_t retry_after_s);

/* Returns the seconds until the block ends; 0: there is none. */
uint32_t client_rate_blocked_s(const struct client_rate *r);

#endif
