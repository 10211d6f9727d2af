/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cookies in which a browser keeps its logins under way: set, found by their state, and few at
 * a time.
 */
#ifndef AUTH_LOGIN_FLOW_COOKIE_H
#define AUTH_LOGIN_FLOW_COOKIE_H

#include "auth/auth_private.h"

/* Ids grow with time, so that the oldest flow of a browser is known without opening any. */
uint32_t flow_cookie_next_id(struct auth *a);

/* For the host that facts name; NULL: the workspace's own. */
bool flow_cookie_add(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		     struct auth_verdict *v, struct err *e) MUST_CHECK;
void flow_cookie_clear(struct auth *a, struct str id, struct auth_verdict *v);

/* Makes room for one more, as far as one answer can. */
void flow_cookie_expire_surplus(struct auth *a, const struct auth_facts *facts,
				struct auth_verdict *v);

/*
 * The flow of this state whose cookie this browser sent. False where there is none, or it is too
 * old to go on; in the second case flow tells where it should have led, else its target is empty.
 */
bool flow_cookie_find(const struct auth *a, const struct auth_facts *facts,
		      const struct flow_state *state, struct flow *flow) MUST_CHECK;

#endif
