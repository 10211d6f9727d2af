/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a login after its callback was validated: from the authorization code to tokens,
 * user, authorization and session.
 */
#ifndef AUTH_LOGIN_LOGIN_FINISH_H
#define AUTH_LOGIN_LOGIN_FINISH_H

#include "auth/auth_private.h"
#include "auth/session/session_history.h"

struct login_finish_input {
	struct flow *flow; /* copied */
	struct flow_state state;
	struct str code;
	struct str client;	    /* see auth_facts */
	const uint8_t *old_session; /* id of the browser's current session (copied), or NULL */
	const struct session_history *history; /* of the browser; copied */
};

/* Starts to exchange the code; returns as auth_answer. */
struct auth_call *login_finish_start(struct auth *a, const struct login_finish_input *x,
				     struct auth_verdict *v, auth_done_fn *done, void *arg);

#endif
