/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate that every request passes: it needs a session whose authorization is current. Usually
 * decided immediately; if the last authorization is too old, after GitLab has responded.
 */
#ifndef AUTH_GATE_GATE_H
#define AUTH_GATE_GATE_H

#include "auth/auth_private.h"

struct gate {
	/* Fills v for a request that is allowed. */
	void (*on_allowed)(struct auth *a, struct auth_session *s, struct auth_verdict *v);
	/* Fills v for a request without a session. */
	void (*on_no_session)(struct auth *a, const struct auth_facts *facts,
			      struct auth_verdict *v);
	auth_done_fn *done;
	void *arg;
	/* Guests of the port whose host it is may pass; otherwise only users of the workspace. */
	bool admits_guests;
};

/* An `on_no_session` function: 401 with the sign-in URL. */
void gate_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

/* Decides about a request; returns as auth_check. */
struct auth_call *gate_enter(struct auth *a, const struct gate *g, const struct auth_facts *facts,
			     struct auth_verdict *v);

/* As gate_enter, for a session that was not found by its cookie. */
struct auth_call *gate_enter_session(struct auth *a, const struct gate *g, struct auth_session *s,
				     const struct auth_facts *facts, struct auth_verdict *v);

#endif
