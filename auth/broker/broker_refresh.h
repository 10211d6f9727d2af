/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapped refresh tokens: GitLab's refresh token, sealed under a key that only the relay has, for
 * one workspace and one user. The sidecar can only store it and send it back.
 */
#ifndef AUTH_BROKER_BROKER_REFRESH_H
#define AUTH_BROKER_BROKER_REFRESH_H

#include "auth/cookie/cookie.h"

/* GitLab's have 64. */
#define BROKER_REFRESH_TOKEN_MAX 1024u

/* A view. */
struct broker_refresh {
	uint64_t user_id;
	int64_t login_ms; /* wall clock: when the user signed in */
	struct str token; /* GitLab's */
};

/* The keys, which derive from the relay's master keys: the first wraps, all open. */
bool broker_refresh_keys(struct cookie_box *box, const struct auth_keys *masters,
			 struct err *e) MUST_CHECK;

/* Appends the wrapped token, for the workspace of this authority. */
bool broker_refresh_wrap(const struct broker_refresh *r, const struct cookie_box *box,
			 struct str authority, struct buf *out, struct err *e) MUST_CHECK;

/* False for what was not wrapped by us for this workspace. The view points into memory, which the
 * caller has initialized and wipes. */
bool broker_refresh_unwrap(struct broker_refresh *r, struct str text, const struct cookie_box *box,
			   struct str authority, struct buf *memory) MUST_CHECK;

#endif
