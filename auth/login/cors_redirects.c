/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of hashes: targets may be long.
 */
#include "auth/login/cors_redirects.h"

#include "base/clock.h"

static void
hash_request(struct str method, struct str target, uint8_t out[CRYPTO_SHA256_BYTES])
{
	uint8_t parts[2 * CRYPTO_SHA256_BYTES];

	crypto_sha256(method, parts);
	crypto_sha256(target, parts + CRYPTO_SHA256_BYTES);
	crypto_sha256(STR_BYTES(parts), out);
}

void
cors_redirects_put(struct cors_redirects *all, const struct auth_session *s, uint16_t port,
		   uint32_t page, struct str method, struct str target)
{
	struct cors_redirect *r = &all->items[all->next];

	all->next = (all->next + 1) % CORS_REDIRECTS_SIZE;
	memcpy(r->session, session_id(s), SESSION_ID_BYTES);
	hash_request(method, target, r->request);
	r->until_ms = clock_monotonic_ms() + CORS_REDIRECTS_AGE_MS;
	r->page = page;
	r->port = port;
}

static bool
is_for(const struct cors_redirect *r, uint16_t port, const uint8_t request[CRYPTO_SHA256_BYTES])
{
	return r->port == port && memcmp(r->request, request, CRYPTO_SHA256_BYTES) == 0 &&
	       clock_monotonic_ms() < r->until_ms;
}

bool
cors_redirects_has(const struct cors_redirects *all, uint16_t port, struct str method,
		   struct str target)
{
	uint8_t request[CRYPTO_SHA256_BYTES];

	hash_request(method, target, request);
	for (size_t i = 0; i < CORS_REDIRECTS_SIZE; i++) {
		if (is_for(&all->items[i], port, request))
			return true;
	}
	return false;
}

uint32_t
cors_redirects_take(struct cors_redirects *all, const struct auth_session *s, uint16_t port,
		    struct str method, struct str target)
{
	uint8_t request[CRYPTO_SHA256_BYTES];

	hash_request(method, target, request);
	for (size_t i = 0; i < CORS_REDIRECTS_SIZE; i++) {
		struct cors_redirect *r = &all->items[i];

		if (is_for(r, port, request) &&
		    memcmp(r->session, session_id(s), SESSION_ID_BYTES) == 0) {
			r->until_ms = 0;
			return r->page;
		}
	}
	return CORS_PAGE_NONE;
}
