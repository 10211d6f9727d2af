/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins: sending a browser to GitLab, and what happens when it comes back.
 */
#ifndef AUTH_LOGIN_LOGIN_H
#define AUTH_LOGIN_LOGIN_H

#include "auth/auth_private.h"

struct login_round {
	struct str target; /* where to go afterwards; normalized */
	unsigned number;   /* 0: not a restart */
	int64_t first_ms;  /* when round 0 started, wall clock; 0: now */
};

/* Fills v with the way to GitLab and a new flow's cookie, or LOGIN_LOOP after too many rounds.
 * facts may be NULL: then old flow cookies are left alone. */
void login_begin(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
		 struct auth_verdict *v);

/* Once for each login that ends. */
void login_count(struct auth *a, enum auth_metrics_login outcome);

/* A callback that belongs to no flow which could go on: into the workspace where there is a
 * session, and to the next round of a login where there is none. The flow's target is empty where
 * its cookie did not come. */
void login_recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
		   const struct flow *flow, struct auth_verdict *v);

/* GitLab's redirect. As auth_answer. */
struct auth_call *login_finish(struct auth *a, const struct auth_facts *facts,
			       struct auth_verdict *v, auth_done_fn *done, void *arg);

/* The part after the callback was found genuine: code to tokens to user to session. */
struct login_exchange {
	struct flow *flow; /* copied */
	struct flow_state state;
	struct str code;
	struct str client;	    /* who asks: see auth_facts */
	const uint8_t *old_session; /* id of the browser's session so far (copied), or NULL */
};
struct auth_call *login_exchange_start(struct auth *a, const struct login_exchange *x,
				       struct auth_verdict *v, auth_done_fn *done, void *arg);

#endif
