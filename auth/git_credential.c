/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See credential.h. Each step looks for the session anew, since what is waited for may end it: a
 * question to GitLab, a renewal, or both in turn. Asking for a token is no use of the session: a
 * program that polls keeps nobody signed in.
 */
#include "auth/git_credential.h"

#include <stdlib.h>

#include "auth/auth_private.h"
#include "auth/session/session_lease.h"
#include "auth/session/session_recheck.h"
#include "base/clock.h"

#define STEPS_MAX 8u /* sessions that turn out to be of no use, or questions, before giving up */

struct auth_credential_call {
	struct auth *auth;
	struct auth_credential_call *next;
	struct auth_credential_call **link;
	struct session_wait wait;
	struct loop_defer go_on;
	uint64_t asked_ms;
	unsigned steps_left;
	auth_credential_fn *done;
	void *arg;
};

enum step { STEP_DONE, STEP_WAIT, STEP_AGAIN };

static enum step
settle(struct auth_credential *c, enum auth_credential_outcome outcome)
{
	*c = (struct auth_credential){.outcome = outcome};
	return STEP_DONE;
}

static enum step
lease(struct auth_session *s, uint64_t asked_ms, struct auth_credential *c)
{
	switch (session_lease(s, asked_ms)) {
	case SESSION_LEASE_GRANTED:
		*c = (struct auth_credential){
			.outcome = AUTH_CREDENTIAL_GIVEN,
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

/* As the gate lets requests in: see gate.c. STEP_WAIT: for *s. */
static enum step
try_once(struct auth *a, uint64_t asked_ms, struct auth_credential *c, struct auth_session **s)
{
	uint32_t retry_after_s;

	*s = session_find_lender(a->store);
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
	enum step step = STEP_AGAIN;

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
	loop_defer_fini(&call->go_on);
	*call->link = call->next;
	if (call->next != NULL)
		call->next->link = call->link;
	free(call);
}

/* Not from here: whoever tells goes through those who wait, and this may start to wait again. */
static void
on_news(struct auth_session *s, enum session_wait_result result, void *arg)
{
	struct auth_credential_call *call = arg;

	(void)s;
	(void)result;
	loop_defer_call(&call->go_on);
}

static void
on_go_on(void *arg)
{
	struct auth_credential_call *call = arg;
	struct auth_credential c;
	struct auth_session *s;

	if (!is_settled(call->auth, call, &c, &s)) {
		session_wait_start(&call->wait, s, on_news, call);
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
	call->next = a->credentials;
	call->link = &a->credentials;
	if (call->next != NULL)
		call->next->link = &call->next;
	a->credentials = call;
	loop_defer_init(&call->go_on, a->loop, on_go_on, call);
	session_wait_start(&call->wait, s, on_news, call);
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
