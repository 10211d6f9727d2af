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

#define MINUTE_MS    UINT64_C(60000)
#define BLOCK_MS     UINT64_C(10000) /* where GitLab does not say */
#define BLOCK_MAX_MS MINUTE_MS
#define WARNING_MS   MINUTE_MS /* between two warnings */

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

/* How long one token takes to come back to a bucket of this size. */
static uint64_t
token_ms(uint64_t max)
{
	return MINUTE_MS / max;
}

/* How long until a bucket of this size takes one more charge, of which only `usable` tokens may be
 * used; 0: now. */
static uint64_t
wait_ms(uint64_t full_ms, uint64_t max, uint64_t usable, uint64_t now_ms)
{
	uint64_t charged_ms = later(full_ms, now_ms) + token_ms(max);
	uint64_t limit_ms = now_ms + usable * token_ms(max);

	return charged_ms > limit_ms ? charged_ms - limit_ms : 0;
}

/* How much of the common bucket this client may use; at least one token. */
static uint64_t
common_share(const struct client_rate *r, uint64_t client, bool owes)
{
	uint64_t max = r->common_max;

	if (client_rate_is_proven(r, client))
		return max;
	return max - (owes ? max / 2 : max / 4);
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
	uint64_t ms = wait_ms(r->full_ms, r->common_max, common_share(r, client, owes), now_ms);

	if (owes)
		ms = later(ms, wait_ms(b->full_ms, r->client_max, r->client_max, now_ms));
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
	b->full_ms = later(b->full_ms, now_ms) + token_ms(r->client_max);
	r->full_ms = later(r->full_ms, now_ms) + token_ms(r->common_max);
	return true;
}

static void
give_back(uint64_t *full_ms, uint64_t max)
{
	*full_ms -= *full_ms < token_ms(max) ? *full_ms : token_ms(max);
}

/* Moves it to the front, in the place of itself or of the oldest. */
static void
remember_proven(struct client_rate *r, uint64_t client)
{
	size_t i = 0;

	while (i < CLIENT_RATE_PROVEN - 1 && r->proven[i] != client)
		i++;
	memmove(&r->proven[1], &r->proven[0], i * sizeof(r->proven[0]));
	r->proven[0] = client;
}

void
client_rate_note_success(struct client_rate *r, uint64_t client)
{
	struct client_rate_bucket *b = find_bucket(r, client);

	if (b != NULL)
		give_back(&b->full_ms, r->client_max);
	give_back(&r->full_ms, r->common_max);
	remember_proven(r, client);
}

bool
client_rate_is_proven(const struct client_rate *r, uint64_t client)
{
	for (size_t i = 0; i < CLIENT_RATE_PROVEN; i++) {
		if (r->proven[i] == client)
			return true;
	}
	return false;
}

void
client_rate_block(struct client_rate *r, uint32_t retry_after_s)
{
	uint64_t ms = retry_after_s == 0 ? BLOCK_MS : UINT64_C(1000) * retry_after_s;
	uint64_t until_ms = clock_monotonic_ms() + (ms < BLOCK_MAX_MS ? ms : BLOCK_MAX_MS);

	r->blocked_until_ms = later(r->blocked_until_ms, until_ms);
}
