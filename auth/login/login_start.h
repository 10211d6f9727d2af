/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a login: redirects the browser to GitLab and sets a new flow's cookie.
 */
#ifndef AUTH_LOGIN_LOGIN_START_H
#define AUTH_LOGIN_LOGIN_START_H

#include "auth/auth_private.h"
#include "auth/metrics.h"

struct login_round {
	struct str target;  /* where the login leads: see flow_set_target */
	struct str client;  /* see auth_facts */
	unsigned number;    /* round of a restarted login; 0: first round */
	int64_t first_ms;   /* when round 0 started, wall clock; 0: now */
	uint32_t cors_page; /* the page whose script waits for the login; or CORS_PAGE_NONE */
};

/* Returns the URL that starts a login with this target. Long targets are kept for the client. */
const char *login_start_url(struct auth *a, struct str target, struct str client,
			    struct arena *arena);

/* Reads the target of such a URL. False, with a sentence in *detail: it is malformed. */
bool login_start_read_target(const struct auth *a, const struct auth_facts *facts,
			     char target[FLOW_TARGET_MAX + 1], const char **detail) MUST_CHECK;

/* Sets where a login leads that this request requires. */
void login_start_take_target(const struct auth *a, const struct auth_facts *facts,
			     char target[FLOW_TARGET_MAX + 1]);

/* Redirects the browser to sign in, and then back to the requested page. */
void login_start_for_request(struct auth *a, const struct auth_facts *facts,
			     struct auth_verdict *v);

/* Redirects the user who shared the port of this target to a login to the workspace: they are not a
 * guest there. */
void login_start_for_owner(struct auth *a, struct str target, struct str client,
			   struct auth_verdict *v);

/* Fills v for a request without a session that is not a navigation: 401, with the URL to sign in.
 * In a frame that URL leads back to the requested resource. */
void login_start_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

/* Fills v with the redirect and the flow's cookie, or with LOGIN_LOOP after too many rounds. facts
 * may be NULL: then old flow cookies are kept. */
void login_start(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
		 struct auth_verdict *v);

/* Handles a callback whose flow can't continue: redirects to the flow's target if there is a
 * session, otherwise starts the next round. */
void login_recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
		   const struct flow *flow, struct auth_verdict *v);

/* Call it once for each login that ends. */
void login_count(struct auth *a, enum auth_metrics_login outcome);

#endif
