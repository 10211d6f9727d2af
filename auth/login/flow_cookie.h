/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets the sealed cookies of a browser's pending logins, and finds them by their state.
 */
#ifndef AUTH_LOGIN_FLOW_COOKIE_H
#define AUTH_LOGIN_FLOW_COOKIE_H

#include "auth/auth_private.h"

/* Ids increase with time: see auth/cookie/flow_jar.h. */
uint64_t flow_cookie_next_id(struct auth *a);

/* Adds the flow's cookie for the host that facts name to the verdict, and removes the oldest ones.
 * facts NULL: for the workspace's own host, without removing others. */
bool flow_cookie_add(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		     struct auth_verdict *v, struct err *e) MUST_CHECK;
void flow_cookie_clear(struct auth *a, struct str id, struct auth_verdict *v);

/* Whether the browser sent the cookie of any flow. */
bool flow_cookie_has_any(const struct auth *a, const struct auth_facts *facts);

/*
 * Finds the flow of this state by the cookie that the browser sent. False: there is no such cookie
 * (the flow's state is empty), or it is too old. In every case the flow's target is where the login
 * should lead, or a page that says that the target is unknown.
 */
bool flow_cookie_find(const struct auth *a, const struct auth_facts *facts,
		      const struct flow_state *state, struct flow *flow) MUST_CHECK;

#endif
