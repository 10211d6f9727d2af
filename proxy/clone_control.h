/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, restarts and skips the clone of the repository on behalf of signed-in users, and keeps
 * its access token valid meanwhile.
 */
#ifndef PROXY_CLONE_CONTROL_H
#define PROXY_CLONE_CONTROL_H

#include "auth/auth.h"
#include "auth/git_credential.h"
#include "clone/clone.h"

enum clone_attempt {
	CLONE_ATTEMPT_FIRST,
	/* A user asked for it. */
	CLONE_ATTEMPT_RETRY,
	/* With another token, after GitLab rejected the one before. */
	CLONE_ATTEMPT_RENEWED,
};

struct clone_control {
	struct auth *auth;
	struct clone *clone;
	struct clone_watch watch;
	/* Of the session's token that the worker has; none with a token of the settings. */
	struct auth_lease lease;
	struct auth_credential_call *token_request; /* NULL: none pending */
	/* Running, or waiting for that request. */
	enum clone_attempt attempt;
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

/* Starts a clone that waits for a token with that of the session that v allowed. Requests with an
 * API token start none. A failure is logged. */
void clone_control_offer_token(struct clone_control *c, const struct auth_verdict *v);

/* A user's wish after a failed clone; does nothing in other phases. With the token of the session
 * that v allowed, or where that may not lend one (API tokens), of the session used last. */
void clone_control_retry(struct clone_control *c, const struct auth_verdict *v);
void clone_control_skip(struct clone_control *c);

#endif
