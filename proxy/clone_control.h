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
	CLONE_ATTEMPT_RETRY,   /* requested by a user */
	CLONE_ATTEMPT_RENEWED, /* with a new token, after GitLab rejected the previous one */
};

struct clone_control {
	struct auth *auth;
	struct clone *clone;
	struct clone_watch watch;
	/* Of the session's token that the worker uses; none with CLONE_TOKEN. */
	struct auth_lease lease;
	struct auth_credential_call *token_request; /* NULL: none pending */
	enum clone_attempt attempt; /* that is running or waiting for token_request */
	bool is_skipped;	    /* a user chose to continue without the failed clone */
};

/* Takes ownership of clone. auth outlives c. */
void clone_control_init(struct clone_control *c, struct clone *clone, struct auth *auth);
void clone_control_fini(struct clone_control *c); /* c may be all zero */

/* Whether requests may be forwarded: the clone is done, not configured, or skipped. */
bool clone_control_is_open(const struct clone_control *c);

/* Whether the worker is running. c may be all zero (in a relay). */
bool clone_control_is_cloning(const struct clone_control *c);

/* Returns the progress to show to users; NULL if no clone is configured or it was skipped. */
const struct clone_progress *clone_control_progress(const struct clone_control *c);

/* If the clone waits for a token, starts it with the token of the session in v. Requests with an
 * API token never start a clone. Logs a failure. */
void clone_control_offer_token(struct clone_control *c, const struct auth_verdict *v);

/* Retries a failed clone with the token of the session in v or, if that session may not lease its
 * token (API tokens), of the session used last. Does nothing in other phases. */
void clone_control_retry(struct clone_control *c, const struct auth_verdict *v);

/* Continues without a failed clone. Does nothing in other phases. */
void clone_control_skip(struct clone_control *c);

#endif
