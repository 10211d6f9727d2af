/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a session's token for git, step by step: an authorization check, a refresh, or both in
 * turn.
 *
 * Each step looks up the session again, because it may have ended meanwhile. A request for a token
 * does not count as use of the session, so a program that polls does not extend it.
 */
#include "auth/git_credential.h"

#include <stdlib.h>

#include "auth/auth_private.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_lease.h"
#include "auth/session/session_recheck.h"
#include "auth/session/session_watch.h"
#include "base/clock.h"

#define STEPS_MAX 8u /* sessions to try and answers to wait for before giving up */

struct auth_credential_call {
	struct auth *auth;
	LIST_ENTRY(auth_credential_call) entry;
	struct session_wait wait;
	struct loop_defer next_step;
	uint64_t asked_ms;
	unsigned steps_left;
	auth_credential_fn *done;
	void *arg;
};

enum credential_step { STEP_DONE, STEP_WAIT, STEP_AGAIN };

static enum credential_step
settle(struct auth_credential *c, enum auth_credential_outcome outcome)
{
	*c = (struct auth_credential){.outcome = outcome};
	return STEP_DONE;
}

static enum credential_step
lease(struct auth_session *s, uint64_t asked_ms, struct auth_credential *c)
{
	switch (session_lease(s, asked_ms)) {
	case SESSION_LEASE_GRANTED:
		*c = (struct auth_credential){
			.outcome = AUTH_CREDENTIAL_GIVEN,
			.session = s,
			.token = session_token(s),
			.expires_at_s = session_token_expires_at_s(s),
			.username = session_identity(s).username,
		};
		return STEP_DONE;
	case SESSION_LEASE_PENDING:
		return STEP_WAIT;
	case SESSION_LEASE_UNAVAILABLE:
		break;
	}
	return settle(c, AUTH_CREDENTIAL_UNAVAILABLE);
}

/* Checks the session as gate.c does for a request. STEP_WAIT: wait for *s. */
static enum credential_step
try_once(struct auth *a, uint64_t asked_ms, struct auth_credential *c, struct auth_session **s)
{
	uint32_t retry_after_s;

	*s = session_find_for_git(a->store);
	if (*s == NULL)
		return settle(c, AUTH_CREDENTIAL_SIGN_IN);
	switch (session_check(*s, &retry_after_s)) {
	case SESSION_ALLOWED:
		return lease(*s, asked_ms, c);
	case SESSION_PENDING:
		return STEP_WAIT;
	case SESSION_OVER:
		session_end(*s, AUTH_END_EXPIRED);
		return STEP_AGAIN;
	case SESSION_UNAVAILABLE:
		break;
	}
	return settle(c, AUTH_CREDENTIAL_UNAVAILABLE);
}

static bool
is_settled(struct auth *a, struct auth_credential_call *call, struct auth_credential *c,
	   struct auth_session **s)
{
	enum credential_step step = STEP_AGAIN;

	for (; step == STEP_AGAIN && call->steps_left > 0; call->steps_left--)
		step = try_once(a, call->asked_ms, c, s);
	if (step == STEP_WAIT)
		return false;
	if (step == STEP_AGAIN)
		settle(c, AUTH_CREDENTIAL_UNAVAILABLE);
	gitlab_metrics(a->gitlab)->credentials[c->outcome]++;
	return true;
}

static void
call_free(struct auth_credential_call *call)
{
	session_wait_stop(&call->wait);
	loop_defer_fini(&call->next_step);
	LIST_UNLINK(call, entry);
	free(call);
}

/* Deferred, because the caller iterates over the list of waits, and the next step may add to it. */
static void
on_answered(struct auth_session *s, enum session_wait_result result, void *arg)
{
	struct auth_credential_call *call = arg;

	(void)s;
	(void)result;
	loop_defer_call(&call->next_step);
}

static void
on_next_step(void *arg)
{
	struct auth_credential_call *call = arg;
	struct auth_credential c;
	struct auth_session *s;

	if (!is_settled(call->auth, call, &c, &s)) {
		session_wait_start(&call->wait, s, on_answered, call);
		return;
	}
	auth_credential_fn *done = call->done;
	arg = call->arg;
	call_free(call);
	done(&c, arg);
}

struct auth_credential_call *
auth_credential_start(struct auth *a, struct auth_credential *c, auth_credential_fn *done,
		      void *arg)
{
	struct auth_credential_call first = {
		.auth = a,
		.asked_ms = clock_monotonic_ms(),
		.steps_left = STEPS_MAX,
		.done = done,
		.arg = arg,
	};
	struct auth_credential_call *call;
	struct auth_session *s;

	if (is_settled(a, &first, c, &s))
		return NULL;
	call = malloc(sizeof(*call));
	if (call == NULL) {
		settle(c, AUTH_CREDENTIAL_UNAVAILABLE);
		return NULL;
	}
	*call = first;
	LIST_INSERT_HEAD(&a->credentials, call, entry);
	loop_defer_init(&call->next_step, a->loop, on_next_step, call);
	session_wait_start(&call->wait, s, on_answered, call);
	return call;
}

void
auth_credential_cancel(struct auth_credential_call *call)
{
	if (call != NULL)
		call_free(call);
}

void
auth_credential_reject(struct auth *a, struct str token)
{
	session_reject_token(a->store, token);
}

bool
auth_lease_start(struct auth_lease *l, struct auth_session *s)
{
	err_assert(l->session == NULL);
	if (!session_lease_until_released(s))
		return false;
	*l = (struct auth_lease){.session = s, .token_serial = session_token_serial(s)};
	return true;
}

const struct secret *
auth_lease_token(const struct auth_lease *l)
{
	return session_token(l->session);
}

void
auth_lease_end(struct auth_lease *l)
{
	if (l->session != NULL)
		session_release_token(l->session);
	*l = (struct auth_lease){.session = NULL};
}

void
auth_lease_end_rejected(struct auth_lease *l)
{
	if (l->session != NULL)
		session_reject_held_token(l->session, l->token_serial);
	auth_lease_end(l);
}
