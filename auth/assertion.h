/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed assertions of who sent a request, for the server that gets it: JWTs (RFC 7519) by ES256
 * (RFC 7518 section 3.4), and the keys to verify them with as a JWK set (RFC 7517).
 */
#ifndef AUTH_ASSERTION_H
#define AUTH_ASSERTION_H

#include "auth/auth.h"

#define ASSERTION_LIFETIME_S 300
#define ASSERTION_MAX	     4096u /* of one assertion */
#define ASSERTION_SID_BYTES  16u
#define ASSERTION_SID_TEXT   23u /* as text, with its NUL */

/* Keys that are derived from the cookie keys: see crypto_p256_derive. */
struct assertion_keys;

/* issuer is the workspace's origin and outlives the keys. Every origin has its own keys. */
struct assertion_keys *assertion_keys_new(const struct auth_keys *keys, struct str issuer,
					  struct err *e) MUST_CHECK;
void assertion_keys_free(struct assertion_keys *k); /* does nothing for NULL */

/* A number that differs for every set of keys in this process. */
uint64_t assertion_keys_serial(const struct assertion_keys *k);

/* Returns all public keys as JSON (RFC 7517). */
struct str assertion_keys_jwks(const struct assertion_keys *k);

struct assertion_claims {
	struct str audience; /* the origin that was asked for */
	struct auth_identity identity;
	struct str workspace;  /* its name */
	uint64_t workspace_id; /* 0: not known */
	struct str session;    /* an opaque id; empty: an API token, which has no session */
	struct str level;      /* why access is allowed: the name of an audience */
	int64_t now_s;
};

/* Appends the assertion, signed with the first key. */
bool assertion_write(const struct assertion_keys *k, const struct assertion_claims *claims,
		     struct buf *out, struct err *e) MUST_CHECK;

/* Derives the public name of a session, which reveals nothing secret. */
void assertion_session_name(struct str session_id, char out[ASSERTION_SID_TEXT]);

#endif
