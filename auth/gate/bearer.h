/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API tokens (API_TOKENS): programs send a GitLab token instead of a session cookie. The token's
 * user is looked up in GitLab and authorized as at login. Then the token has its own session, in
 * memory only, until SESSION_IDLE. The token is never revoked or stored.
 */
#ifndef AUTH_GATE_BEARER_H
#define AUTH_GATE_BEARER_H

#include "auth/gate/gate.h"

struct bearer_cache;

struct bearer_cache *bearer_cache_new(struct auth *a, struct err *e) MUST_CHECK;
/* Call it after all calls have ended; does nothing for NULL. */
void bearer_cache_free(struct bearer_cache *c);

enum bearer_state {
	BEARER_NONE,	/* the request has no token, or several */
	BEARER_KNOWN,	/* the token has a session */
	BEARER_REFUSED, /* *v is the answer */
	BEARER_ASKING,	/* GitLab is being asked; the gate's done runs later */
};

struct bearer_result {
	enum bearer_state state;
	struct auth_session *session; /* BEARER_KNOWN */
	struct auth_call *call;	      /* BEARER_ASKING */
};

/* Looks up the request's token, or starts to check it with GitLab. Sets v->token_header if there is
 * a token. */
struct bearer_result bearer_find(struct auth *a, const struct gate *g,
				 const struct auth_facts *facts, struct auth_verdict *v);

#endif
