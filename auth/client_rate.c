/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets, each kept as the time at which it is full again: a charge moves that time by what
 * one token takes to come back, and is refused where it would lie further ahead than a whole
 * bucket.
 */
#include "auth/client_rate.h"

#include "auth/client_quota.h"
#include "base/clock.h"
#include "base/log/log.h"

#define CLIENT_TOKENS	20u
#define CLIENT_TOKEN_MS UINT64_C(5000) /* until one comes back: 12 a minute */
#define COMMON_TOKENS	120u
#define COMMON_TOKEN_MS UINT64_C(500)	/* 2 a second */
#define COMMON_RESERVED 60u		/* for clients that owe nothing */
#define BLOCK_MS	UINT64_C(10000) /* where GitLab does not say */
#define BLOCK_MAX_MS	UINT64_C(60000)
#define WARNING_MS	UINT64_C(60000) /* between two warnings */

static uint64_t
later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct client_rate_bucket *
find_bucket(struct client_rate *r, uint64_t client)
{
	for (size_t i = 0; i < CLIENT_RATE_CLIENTS; i++) {
		if (r->clients[i].client == client)
			return &r->clients[i];
	}
	return NULL;
}

static struct client_rate_bucket *
take_bucket(struct client_rate *r, uint64_t client)
{
	struct client_rate_bucket *least = &r->clients[0];

	for (size_t i = 1; i < CLIENT_RATE_CLIENTS; i++) {
		if (r->clients[i].full_ms < least->full_ms)
			least = &r->clients[i];
	}
	*least = (struct client_rate_bucket){.client = client};
	return least;
}

/* How long until a bucket takes one more charge; 0: now. */
static uint64_t
wait_ms(uint64_t full_ms, uint64_t tokens, uint64_t token_ms, uint64_t now_ms)
{
	uint64_t charged_ms = later(full_ms, now_ms) + token_ms;
	uint64_t limit_ms = now_ms + tokens * token_ms;

	return charged_ms > limit_ms ? charged_ms - limit_ms : 0;
}

static void
warn(struct client_rate *r, struct str client_ip, uint64_t now_ms)
{
	if (r->warned_ms != 0 && now_ms - r->warned_ms < WARNING_MS)
		return;
	r->warned_ms = now_ms;
	log_warn(NULL, "sign-in rate limit exceeded; GitLab is not asked",
		 log_str("client", client_ip));
}

bool
client_rate_charge(struct client_rate *r, struct str client_ip, uint32_t *retry_after_s)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t client = client_key(client_ip);
	struct client_rate_bucket *b = find_bucket(r, client);
	bool owes = b != NULL && b->full_ms > now_ms;
	uint64_t tokens = owes ? COMMON_TOKENS - COMMON_RESERVED : COMMON_TOKENS;
	uint64_t ms = wait_ms(r->full_ms, tokens, COMMON_TOKEN_MS, now_ms);

	if (owes)
		ms = later(ms, wait_ms(b->full_ms, CLIENT_TOKENS, CLIENT_TOKEN_MS, now_ms));
	if (r->blocked_until_ms > now_ms)
		ms = later(ms, r->blocked_until_ms - now_ms);
	if (ms > 0) {
		*retry_after_s = (uint32_t)((ms + 999) / 1000);
		r->refused++;
		warn(r, client_ip, now_ms);
		return false;
	}
	if (b == NULL)
		b = take_bucket(r, client);
	b->full_ms = later(b->full_ms, now_ms) + CLIENT_TOKEN_MS;
	r->full_ms = later(r->full_ms, now_ms) + COMMON_TOKEN_MS;
	return true;
}

void
client_rate_refund(struct client_rate *r, uint64_t client)
{
	struct client_rate_bucket *b = find_bucket(r, client);

	if (b != NULL)
		b->full_ms -= b->full_ms < CLIENT_TOKEN_MS ? b->full_ms : CLIENT_TOKEN_MS;
	r->full_ms -= r->full_ms < COMMON_TOKEN_MS ? r->full_ms : COMMON_TOKEN_MS;
}

void
client_rate_block(struct client_rate *r, uint32_t retry_after_s)
{
	uint64_t ms = retry_after_s == 0 ? BLOCK_MS : UINT64_C(1000) * retry_after_s;
	uint64_t until_ms = clock_monotonic_ms() + (ms < BLOCK_MAX_MS ? ms : BLOCK_MAX_MS);

	r->blocked_until_ms = later(r->blocked_until_ms, until_ms);
}
