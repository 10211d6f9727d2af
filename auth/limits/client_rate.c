/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buckets of clients, the common bucket, and each client's share of it.
 */
#include "auth/limits/client_rate.h"

#include "auth/limits/client_quota.h"
#include "base/clock.h"
#include "base/log/log.h"
#include "base/token_bucket.h"

#define BLOCK_MS     UINT64_C(10000) /* when GitLab sends no Retry-After */
#define BLOCK_MAX_MS TOKEN_BUCKET_MINUTE_MS
#define WARNING_MS   TOKEN_BUCKET_MINUTE_MS /* minimum interval of warnings */

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

/* Returns how much of the common bucket this client may use, at least one token. */
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
	log_warn(NULL, "sign-in rate limit exceeded; no request to GitLab",
		 log_str("client", client_ip));
}

bool
client_rate_charge(struct client_rate *r, struct str client_ip, uint32_t *retry_after_s)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t client = client_key(client_ip);
	struct client_rate_bucket *b = find_bucket(r, client);
	bool owes = b != NULL && b->full_ms > now_ms;
	uint64_t ms = token_bucket_wait_ms(r->full_ms, r->common_max, common_share(r, client, owes),
					   now_ms);

	if (owes)
		ms = token_bucket_later(
			ms, token_bucket_wait_ms(b->full_ms, r->client_max, r->client_max, now_ms));
	if (r->blocked_until_ms > now_ms)
		ms = token_bucket_later(ms, r->blocked_until_ms - now_ms);
	if (ms > 0) {
		*retry_after_s = (uint32_t)((ms + 999) / 1000);
		r->refused++;
		warn(r, client_ip, now_ms);
		return false;
	}
	if (b == NULL)
		b = take_bucket(r, client);
	token_bucket_charge(&b->full_ms, r->client_max, now_ms);
	token_bucket_charge(&r->full_ms, r->common_max, now_ms);
	return true;
}

/* Moves the client to the front, and removes its previous entry or the oldest one. */
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
		token_bucket_refund(&b->full_ms, r->client_max);
	token_bucket_refund(&r->full_ms, r->common_max);
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

	r->blocked_until_ms = token_bucket_later(r->blocked_until_ms, until_ms);
}

uint32_t
client_rate_blocked_s(const struct client_rate *r)
{
	uint64_t now_ms = clock_monotonic_ms();

	return r->blocked_until_ms > now_ms
		       ? (uint32_t)((r->blocked_until_ms - now_ms + 999) / 1000)
		       : 0;
}
