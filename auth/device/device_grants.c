/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fixed table. Secrets are stored as digests, so that neither memory nor the time of a
 * comparison reveals one.
 */
#include "auth/device/device_grants.h"

#include <stdio.h>

#include "auth/limits/client_quota.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/crypto/crypto_equal.h"

/* Consonants, so that codes form no words and no two letters look alike (RFC 8628 section 6.1). */
static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";

static bool
is_used(const struct device_grant *grant, uint64_t now_ms)
{
	return grant->until_ms > now_ms;
}

/* Counts grants that show a code: all, or those of one client. */
static size_t
count_typed(const struct device_grants *g, const uint64_t *client, uint64_t now_ms)
{
	size_t count = 0;

	for (size_t i = 0; i < DEVICE_GRANTS_MAX; i++) {
		const struct device_grant *grant = &g->items[i];
		if (is_used(grant, now_ms) && grant->is_typed &&
		    (client == NULL || grant->client == *client))
			count++;
	}
	return count;
}

static bool
may_add_typed(const struct device_grants *g, uint64_t client, uint64_t now_ms)
{
	return count_typed(g, NULL, now_ms) < DEVICE_TYPED_MAX &&
	       count_typed(g, &client, now_ms) < DEVICE_PER_CLIENT_MAX;
}

static void
draw_user_code(char out[DEVICE_USER_CODE_LEN + 1])
{
	size_t count = sizeof(letters) - 1;
	size_t i = 0;

	while (i < DEVICE_USER_CODE_LEN) {
		uint8_t byte;
		crypto_random(&byte, sizeof(byte));
		if (byte < 256 / count * count)
			out[i++] = letters[byte % count];
	}
	out[i] = '\0';
}

struct device_grant *
device_grants_add(struct device_grants *g, bool is_typed, struct str client_ip,
		  char secret[DEVICE_SECRET_LEN + 1])
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t client = client_key(client_ip);
	struct device_grant *grant = NULL;

	for (size_t i = 0; i < DEVICE_GRANTS_MAX && grant == NULL; i++)
		if (!is_used(&g->items[i], now_ms))
			grant = &g->items[i];
	if (grant == NULL || (is_typed && !may_add_typed(g, client, now_ms)))
		return NULL;
	/* A correct code does not reset the count, because an attacker who guesses may have a
	 * correct code too. */
	if (count_typed(g, NULL, now_ms) == 0)
		g->wrong_codes = 0;
	*grant = (struct device_grant){
		.until_ms = now_ms + (is_typed ? DEVICE_TYPED_MS : DEVICE_CODE_MS),
		.is_typed = is_typed,
		.client = client,
	};
	crypto_random_text(secret);
	crypto_sha256(str_from(secret), grant->digest);
	if (is_typed)
		draw_user_code(grant->user_code);
	(void)snprintf(grant->address, sizeof(grant->address), "%.*s", STR_FMT(client_ip));
	return grant;
}

static void
end_typed(struct device_grants *g)
{
	for (size_t i = 0; i < DEVICE_GRANTS_MAX; i++)
		if (g->items[i].is_typed)
			g->items[i].until_ms = 0;
	g->wrong_codes = 0;
}

/* Removes separators and upper-cases the text. False: longer than a code. */
static bool
normalize(struct str text, char out[DEVICE_USER_CODE_LEN + 1])
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == ' ' || c == '-')
			continue;
		if (len == DEVICE_USER_CODE_LEN)
			return false;
		out[len++] = (char)(ascii_is_lower(c) ? c - 'a' + 'A' : c);
	}
	out[len] = '\0';
	return len == DEVICE_USER_CODE_LEN;
}

struct device_grant *
device_grants_find_typed(struct device_grants *g, struct str user_code)
{
	uint64_t now_ms = clock_monotonic_ms();
	char code[DEVICE_USER_CODE_LEN + 1];
	bool is_code = normalize(user_code, code);

	for (size_t i = 0; is_code && i < DEVICE_GRANTS_MAX; i++) {
		struct device_grant *grant = &g->items[i];
		if (is_used(grant, now_ms) && grant->is_typed && !grant->is_allowed &&
		    crypto_equal(str_from(grant->user_code), str_from(code)))
			return grant;
	}
	if (++g->wrong_codes >= DEVICE_WRONG_CODES_MAX)
		end_typed(g);
	return NULL;
}

static bool
is_verifier(const struct device_grant *grant, struct str verifier)
{
	char challenge[CRYPTO_TEXT_LEN + 1];

	crypto_sha256_text(verifier, challenge);
	return crypto_equal(str_from(challenge), str_from(grant->challenge));
}

enum device_redeem
device_grants_redeem(struct device_grants *g, struct str secret, struct str verifier,
		     struct device_grant *out)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(secret, digest);
	for (size_t i = 0; i < DEVICE_GRANTS_MAX; i++) {
		struct device_grant *grant = &g->items[i];

		if (!is_used(grant, now_ms) || memcmp(grant->digest, digest, sizeof(digest)) != 0)
			continue;
		if (!is_verifier(grant, verifier)) {
			grant->until_ms = 0;
			return DEVICE_REDEEM_INVALID;
		}
		if (!grant->is_allowed)
			return DEVICE_REDEEM_PENDING;
		*out = *grant;
		grant->until_ms = 0;
		return DEVICE_REDEEM_OK;
	}
	return DEVICE_REDEEM_INVALID;
}
