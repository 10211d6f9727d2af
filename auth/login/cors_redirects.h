/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS requests that return from the redirects of a hand-over to a port
 * (docs/decisions/0008-hand-over-to-ports.md).
 *
 * Because of these redirects the browser replaces such a request's origin by "Origin: null". A
 * request that arrives soon afterwards for the same session, with the same method and target, is
 * treated as the redirected one, once. Other requests keep "Origin: null", because another server
 * may have redirected them here.
 */
#ifndef AUTH_LOGIN_CORS_REDIRECTS_H
#define AUTH_LOGIN_CORS_REDIRECTS_H

#include "auth/session/session.h"
#include "base/crypto/crypto.h"

/* The page that sent the request, by the port of its host; 0 is the workspace's own host. */
#define CORS_PAGE_NONE	   0u
#define CORS_PAGE_OF(port) ((uint32_t)(port) + 1u)
#define CORS_PAGE_MAX	   CORS_PAGE_OF(UINT16_MAX)

#define CORS_REDIRECTS_SIZE   64u /* a further one replaces the oldest */
#define CORS_REDIRECTS_AGE_MS 30000u

struct cors_redirect {
	uint8_t session[SESSION_ID_BYTES];
	uint8_t request[CRYPTO_SHA256_BYTES]; /* of method and target */
	uint64_t until_ms;		      /* monotonic clock; 0: no entry */
	uint32_t page;
	uint16_t port;
};

/* Zeroed: no entries. */
struct cors_redirects {
	struct cors_redirect items[CORS_REDIRECTS_SIZE];
	size_t next;
};

void cors_redirects_put(struct cors_redirects *all, const struct auth_session *s, uint16_t port,
			uint32_t page, struct str method, struct str target);

/* Whether such a request is about to be redirected to this port, in any session: preflights have no
 * cookies. */
bool cors_redirects_has(const struct cors_redirects *all, uint16_t port, struct str method,
			struct str target);

/* Removes an entry and returns the page that sent the request; CORS_PAGE_NONE: there is none. */
uint32_t cors_redirects_take(struct cors_redirects *all, const struct auth_session *s,
			     uint16_t port, struct str method, struct str target);

#endif
