/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets the sealed cookies of a browser's pending logins, and finds them by their state.
 */
#ifndef AUTH_LOGIN_FLOW_COOKIE_H
#define AUTH_LOGIN_FLOW_COOKIE_H

#include "auth/auth_private.h"

/* Grows with time: see auth/cookie/flow_jar.h. */
uint64_t flow_cookie_next_id(struct auth *a);

/* Adds the flow's cookie to the verdict, for the host that facts name, and lets the oldest ones
 * expire. facts NULL: for the workspace's own host, and older ones are left alone. */
bool flow_cookie_add(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		     struct auth_verdict *v, struct err *e) MUST_CHECK;
void flow_cookie_clear(struct auth *a, struct str id, struct auth_verdict *v);

/* Whether the browser sent the cookie of any flow. */
bool flow_cookie_has_any(const struct auth *a, const struct auth_facts *facts);

/*
 * The flow of this state whose cookie this browser sent. False where there is none (the flow's
 * state is empty then), or it is too old to go on. In every case the flow's target says where the
 * login should lead: as far as it is still known, else to a page that says that it is not.
 */
bool flow_cookie_find(const struct auth *a, const struct auth_facts *facts,
		      const struct flow_state *state, struct flow *flow) MUST_CHECK;

#endif
