/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second public interface of auth/: access tokens of sessions for git in the workspace and for
 * the clone worker. The only interface by which a session's token leaves auth/; API tokens never
 * do.
 *
 * A token is leased: it is not refreshed for a while, as GitLab revokes the old token with a
 * refresh (docs/decisions/0007-tokens-for-git-are-leased.md).
 */
#ifndef AUTH_GIT_CREDENTIAL_H
#define AUTH_GIT_CREDENTIAL_H

#include "auth/auth.h"

enum auth_credential_outcome {
	AUTH_CREDENTIAL_GIVEN,
	AUTH_CREDENTIAL_SIGN_IN,     /* no authorized user is signed in */
	AUTH_CREDENTIAL_UNAVAILABLE, /* GitLab does not answer, or no token can be refreshed now */
};

struct auth_credential {
	enum auth_credential_outcome outcome;
	/* GIVEN: the user; all fields are valid until the loop runs again. */
	struct auth_session *session;
	const struct secret *token;
	struct str username;
	int64_t expires_at_s; /* wall clock; 0: not given */
};

struct auth_credential_call;

/* Called exactly once unless cancelled. c is valid until it returns; the call is freed. */
typedef void auth_credential_fn(const struct auth_credential *c, void *arg);

/*
 * Returns a token of the session that was used last, after the same checks as for a request. The
 * token is valid for some more minutes if GitLab grants that. NULL: *c is filled, and done does not
 * run. Otherwise done runs later, from the loop.
 */
struct auth_credential_call *auth_credential_start(struct auth *a, struct auth_credential *c,
						   auth_credential_fn *done, void *arg);
void auth_credential_cancel(struct auth_credential_call *call); /* does nothing for NULL */

/* GitLab rejected git's request with this token: it is refreshed before a token is given again. */
void auth_credential_reject(struct auth *a, struct str token);

/* Reserves a token without a time limit. Until the lease ends, the token is refreshed only if it
 * has expired, and not revoked even if the session ends. End it before auth_free. */
struct auth_lease {
	struct auth_session *session; /* NULL: nothing is leased */
	uint64_t token_serial;
};

/* False: the session may not lease its token (see auth_credential_start), or has no valid one. l
 * must hold no lease. */
bool auth_lease_start(struct auth_lease *l, struct auth_session *s) MUST_CHECK;
/* Valid as that of auth_credential. */
const struct secret *auth_lease_token(const struct auth_lease *l);
void auth_lease_end(struct auth_lease *l); /* does nothing without a lease */
/* As auth_lease_end, after GitLab rejected git's request with the token: see
 * auth_credential_reject. */
void auth_lease_end_rejected(struct auth_lease *l);

#endif
