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
	AUTH_CREDENTIAL_UNAVAILABLE, /* GitLab does not answer, or took no new token lately */
};

struct auth_credential {
	enum auth_credential_outcome outcome;
	struct auth_session *session; /* GIVEN: whose; all valid until the loop is entered again */
	const struct secret *token;
	struct str username;
	int64_t expires_at_s; /* wall clock; 0: not said */
};

struct auth_credential_call;

/* c is valid until it returns. Exactly once unless cancelled; the call is gone. */
typedef void auth_credential_fn(const struct auth_credential *c, void *arg);

/* A token of the session that was used last, authorized as for a request. It works for some minutes
 * where GitLab grants that. NULL: *c is filled at once, and done will not run. Otherwise done runs
 * later, from the loop. */
struct auth_credential_call *auth_credential_start(struct auth *a, struct auth_credential *c,
						   auth_credential_fn *done, void *arg);
void auth_credential_cancel(struct auth_credential_call *call); /* NULL is fine */

/* GitLab refused git with this token. It is not given again, but refreshed first. */
void auth_credential_reject(struct auth *a, struct str token);

/* A lease without a deadline, for work that says when it ends. Meanwhile the token is not refreshed
 * unless it has expired, and not revoked either when the session ends. Ends before auth_free. */
struct auth_lease {
	struct auth_session *session; /* NULL: nothing is leased */
	uint64_t token_serial;
};

/* False: the session may not lend its token (see above), or has none that works. l holds no lease
 * before. */
bool auth_lease_start(struct auth_lease *l, struct auth_session *s) MUST_CHECK;
const struct secret *auth_lease_token(const struct auth_lease *l); /* as auth_credential's */
void auth_lease_end(struct auth_lease *l);			   /* fine when nothing is leased */
/* As auth_lease_end, after GitLab refused git with the token: see auth_credential_reject. */
void auth_lease_end_rejected(struct auth_lease *l);

#endif
