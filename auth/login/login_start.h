/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a login: redirects the browser to GitLab and sets a new flow's cookie.
 */
#ifndef AUTH_LOGIN_LOGIN_START_H
#define AUTH_LOGIN_LOGIN_START_H

#include "auth/auth_private.h"
#include "auth/metrics.h"

struct login_round {
	struct str target;  /* where to go afterwards: see flow_set_target */
	struct str client;  /* see auth_facts */
	unsigned number;    /* 0: not a restart */
	int64_t first_ms;   /* when round 0 started, wall clock; 0: now */
	uint32_t cors_page; /* whose script's request it is for; or CORS_PAGE_NONE */
};

/* The address that starts a login that leads to this target. Long ones are kept for the client. */
const char *login_start_url(struct auth *a, struct str target, struct str client,
			    struct arena *arena);

/* Appends the target that such an address carries. False, with a sentence in *detail, when it is
 * malformed. */
bool login_start_read_target(const struct auth *a, const struct auth_facts *facts,
			     char target[FLOW_TARGET_MAX + 1], const char **detail) MUST_CHECK;

/* Where a login leads that this request made necessary. */
void login_start_take_target(const struct auth *a, const struct auth_facts *facts,
			     char target[FLOW_TARGET_MAX + 1]);

/* Sends the browser to sign in and back to what it asked for. */
void login_start_for_request(struct auth *a, const struct auth_facts *facts,
			     struct auth_verdict *v);

/* Fills v with the redirect and the flow's cookie, or LOGIN_LOOP after too many rounds. facts may
 * be NULL: then old flow cookies are left alone. */
void login_start(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
		 struct auth_verdict *v);

/* A callback without a flow that could go on: to the flow's target where there is a session, else
 * the next round of a login. */
void login_recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
		   const struct flow *flow, struct auth_verdict *v);

/* Once for each login that ends. */
void login_count(struct auth *a, enum auth_metrics_login outcome);

#endif
