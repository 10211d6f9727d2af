/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A further front door of authentication: an access token for git in the workspace, of the session
 * that was used last. It is authorized as a request's session would be, works for some minutes
 * where GitLab grants that, and is not replaced for a while: docs/decisions says how long.
 */
#ifndef AUTH_GIT_CREDENTIAL_H
#define AUTH_GIT_CREDENTIAL_H

#include "auth/auth.h"

enum auth_credential_outcome {
	AUTH_CREDENTIAL_GIVEN,
	AUTH_CREDENTIAL_SIGN_IN,     /* nobody is signed in who may enter */
	AUTH_CREDENTIAL_UNAVAILABLE, /* GitLab does not answer, or took no new token lately */
};

struct auth_credential {
	enum auth_credential_outcome outcome;
	const struct secret *token; /* GIVEN: valid until the loop is entered again */
	int64_t expires_at_s;	    /* wall clock; 0: not said */
	struct str username;	    /* who it is; as long as the token */
};

struct auth_credential_call;

/* c is valid until it returns. Exactly once unless cancelled; the call is gone. */
typedef void auth_credential_fn(const struct auth_credential *c, void *arg);

/* NULL: *c is filled at once, and done will not run. Otherwise done runs later, from the loop. */
struct auth_credential_call *auth_credential_start(struct auth *a, struct auth_credential *c,
						   auth_credential_fn *done, void *arg);
void auth_credential_cancel(struct auth_credential_call *call); /* NULL is fine */

/* GitLab refused git with this token. One that we have is not given again: it is renewed first. */
void auth_credential_reject(struct auth *a, struct str token);

#endif
