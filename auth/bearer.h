/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that bring a GitLab token instead of a cookie (API_TOKENS): the token is verified with
 * GitLab, and its user authorized, as a login would do; then it has a session of its own, in memory
 * only, until it is not used for a while. The token stays the program's: it is never revoked here.
 */
#ifndef AUTH_BEARER_H
#define AUTH_BEARER_H

#include "auth/gate.h"

struct bearer_cache;

struct bearer_cache *bearer_cache_new(struct auth *a, struct err *e) MUST_CHECK;
void bearer_cache_free(struct bearer_cache *c); /* after all calls; NULL is fine */

enum bearer_state {
	BEARER_NONE,	/* the request brings no token, or several */
	BEARER_KNOWN,	/* it has a session */
	BEARER_REFUSED, /* v says so */
	BEARER_ASKING,	/* the gate's done runs later */
};

struct bearer_result {
	enum bearer_state state;
	struct auth_session *session; /* BEARER_KNOWN */
	struct auth_call *call;	      /* BEARER_ASKING */
};

/* What the request's token is worth. v->token_header is set where there is one. */
struct bearer_result bearer_find(struct auth *a, const struct gate *g,
				 const struct auth_facts *facts, struct auth_verdict *v);

#endif
