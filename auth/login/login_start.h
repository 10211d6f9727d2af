/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning a login: the browser is sent to GitLab with a new flow's cookie.
 */
#ifndef AUTH_LOGIN_LOGIN_START_H
#define AUTH_LOGIN_LOGIN_START_H

#include "auth/auth_private.h"
#include "auth/metrics.h"

struct login_round {
	struct str target; /* where to go afterwards; normalized */
	unsigned number;   /* 0: not a restart */
	int64_t first_ms;  /* when round 0 started, wall clock; 0: now */
};

/* Fills v with the redirect and the flow's cookie, or LOGIN_LOOP after too many rounds. facts may
 * be NULL: then old flow cookies are left alone. */
void login_start(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
		 struct auth_verdict *v);

/* A callback without a flow that could go on: into the workspace where there is a session, else the
 * next round of a login. The flow's target is empty where its cookie did not come. */
void login_recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
		   const struct flow *flow, struct auth_verdict *v);

/* Once for each login that ends. */
void login_count(struct auth *a, enum auth_metrics_login outcome);

#endif
