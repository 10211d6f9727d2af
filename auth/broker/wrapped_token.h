/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapped refresh tokens: GitLab's refresh token, sealed under a key that only the relay has, for
 * one workspace and one user. The sidecar can only store it and send it back.
 */
#ifndef AUTH_BROKER_WRAPPED_TOKEN_H
#define AUTH_BROKER_WRAPPED_TOKEN_H

#include "auth/cookie/cookie.h"

/* GitLab's refresh tokens have 64 bytes. */
#define WRAPPED_TOKEN_MAX 1024u

/* Its fields are views. */
struct wrapped_token {
	uint64_t user_id;
	int64_t login_ms; /* wall clock: when the user signed in */
	struct str token; /* GitLab's */
};

/* Derives the keys from the relay's master keys. The first one wraps, all of them open. */
bool wrapped_token_keys(struct cookie_box *box, const struct auth_keys *masters,
			struct err *e) MUST_CHECK;

/* Appends the wrapped token for the workspace of this authority. */
bool wrapped_token_write(const struct wrapped_token *r, const struct cookie_box *box,
			 struct str authority, struct buf *out, struct err *e) MUST_CHECK;

/* False: not wrapped by us for this workspace. The view points into memory, which the caller
 * initializes before and wipes after. */
bool wrapped_token_read(struct wrapped_token *r, struct str text, const struct cookie_box *box,
			struct str authority, struct buf *memory) MUST_CHECK;

#endif
