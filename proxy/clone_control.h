/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, restarts and skips the clone of the repository on behalf of signed-in users, and keeps
 * the access token that it works with valid meanwhile.
 */
#ifndef PROXY_CLONE_CONTROL_H
#define PROXY_CLONE_CONTROL_H

#include "auth/auth.h"
#include "auth/git_credential.h"
#include "clone/clone.h"

struct clone_control {
	struct auth *auth;
	struct clone *clone;
	struct clone_watch watch;
	/* The session's token that the worker was given; NULL: none, or the settings' own. */
	struct secret *token;
	struct auth_credential_call *renewal; /* NULL: none under way */
	bool was_renewed;
	bool is_skipped; /* a user chose to go on without a clone that failed */
};

/* Owns clone; auth outlives it. */
void clone_control_init(struct clone_control *c, struct clone *clone, struct auth *auth);
void clone_control_fini(struct clone_control *c); /* fine when all bytes are zero */

/* Whether the workspace is open to requests: the clone is done, not configured, or skipped. */
bool clone_control_is_open(const struct clone_control *c);

/* Whether the worker is running. False when all bytes are zero (a relay). */
bool clone_control_is_cloning(const struct clone_control *c);

/* The progress to show to users; NULL when no clone is configured, or it was skipped. */
const struct clone_progress *clone_control_progress(const struct clone_control *c);

/* Starts a clone that waits for a token with that of the session that v allowed. API tokens are not
 * used: they may lack repository scope. A failure is logged. */
void clone_control_offer_token(struct clone_control *c, const struct auth_verdict *v);

/* A user's wish after a failed clone. Does nothing in other phases. */
void clone_control_retry(struct clone_control *c, const struct auth_verdict *v);
void clone_control_skip(struct clone_control *c);

#endif
