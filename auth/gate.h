/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: a request has a session that may go on, or it does not pass. Usually at once; where the
 * last authorization is too old, after GitLab has been asked.
 */
#ifndef AUTH_GATE_H
#define AUTH_GATE_H

#include "auth/auth_private.h"

struct gate {
	/* Fills v for a request that passes / that has no session. */
	void (*pass)(struct auth *a, struct auth_session *s, struct auth_verdict *v);
	void (*ask)(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
	auth_done_fn *done;
	void *arg;
};

/* As auth_check. */
struct auth_call *gate_enter(struct auth *a, const struct gate *g, const struct auth_facts *facts,
			     struct auth_verdict *v);

#endif
