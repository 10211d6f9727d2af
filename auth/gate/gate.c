/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs for every request, usually without an allocation and without decrypting a cookie again. A
 * request that waits for GitLab stores only the sign-in address.
 */
#include "auth/gate/gate.h"

#include <stdlib.h>

#include "auth/gate/bearer.h"
#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/login_start.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_recheck.h"
#include "auth/session/session_watch.h"
#include "auth/share/port_share.h"

struct gate_wait {
	struct auth_call call;
	struct gate gate;
	struct session_wait wait;
	const char *start_url; /* in the verdict's arena */
	bool is_navigation;
};

static void
gate_wait_free(struct gate_wait *w)
{
	session_wait_stop(&w->wait);
	auth_unlink_call(&w->call);
	free(w);
}

static void
on_cancel(struct auth_call *call)
{
	gate_wait_free((struct gate_wait *)call);
}

/* Called when the session ended while the request waited. */
static void
require_login_again(const struct gate_wait *w, struct auth_verdict *v)
{
	if (w->is_navigation) {
		verdict_redirect(v, 302, w->start_url);
		return;
	}
	verdict_problem(v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	v->location = w->start_url;
}

static void
deny_access(const struct gate_wait *w, struct auth_session *s, struct auth_verdict *v)
{
	verdict_problem(v, session_is_guest(s) ? AUTH_PROBLEM_NOT_SHARED : AUTH_PROBLEM_NO_ACCESS,
			NULL);
	verdict_set_identity(v, s);
	v->location = w->start_url;
	v->gitlab_url = w->call.auth->gitlab_url;
}

static void
on_answered(struct gate_wait *w, struct auth_session *s, struct auth_verdict *v)
{
	uint32_t retry_after_s;

	switch (session_check(s, &retry_after_s)) {
	case SESSION_ALLOWED:
		w->gate.on_allowed(w->call.auth, s, v);
		return;
	case SESSION_OVER:
		session_end(s, AUTH_END_EXPIRED);
		require_login_again(w, v);
		return;
	case SESSION_PENDING:
	case SESSION_UNAVAILABLE:
		break;
	}
	verdict_not_answered(v, retry_after_s, session_failure(s));
}

static void
on_session_answer(struct auth_session *s, enum session_wait_result result, void *arg)
{
	struct gate_wait *w = arg;
	struct auth_call call = w->call;

	switch (result) {
	case SESSION_WAIT_ANSWERED:
		on_answered(w, s, call.verdict);
		break;
	case SESSION_WAIT_REFUSED:
		deny_access(w, s, call.verdict);
		break;
	case SESSION_WAIT_ENDED:
		require_login_again(w, call.verdict);
		break;
	}
	gate_wait_free(w);
	call.done(call.verdict, call.arg);
}

void
auth_verdict_ended(const struct auth *a, struct auth_verdict *v, enum auth_end reason)
{
	const struct auth_session *s = v->identity_session;

	if (reason == AUTH_END_UNCONFIRMED)
		verdict_not_answered(v, session_retry_after_s(s), session_failure(s));
	else
		verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
}

static struct auth_call *
wait_for_answer(struct auth *a, const struct gate *g, struct auth_session *s,
		const struct auth_facts *facts, struct auth_verdict *v)
{
	struct gate_wait *w = auth_may_start_call(a) ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL) {
		verdict_unavailable(v, 0, NULL);
		return NULL;
	}
	w->gate = *g;
	w->is_navigation = auth_is_navigation(facts) && facts_is_get(facts);
	w->start_url = a->start_url;
	if (w->is_navigation) {
		char target[FLOW_TARGET_MAX + 1];

		login_start_take_target(a, facts, target);
		w->start_url = login_start_url(a, str_from(target), facts->client, &v->arena);
	}
	w->call.verdict = v;
	w->call.done = g->done;
	w->call.arg = g->arg;
	w->call.cancel = on_cancel;
	auth_link_call(&w->call, a);
	session_wait_start(&w->wait, s, on_session_answer, w);
	return &w->call;
}

static struct auth_session *
find_usable(struct auth *a, const struct auth_facts *facts)
{
	struct auth_session *s = session_find(a->store, facts);

	if (s != NULL && session_wants_login(s) && facts_is_get(facts) &&
	    auth_is_navigation(facts)) {
		session_end(s, AUTH_END_EXPIRED);
		return NULL;
	}
	if (s != NULL && session_is_guest(s) && port_share_is_over(session_share(s))) {
		session_end(s, AUTH_END_UNSHARED);
		return NULL;
	}
	return s;
}

void
gate_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	(void)facts;
	verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
}

static void
refuse_guest(const struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	verdict_problem(v, AUTH_PROBLEM_NO_ACCESS,
			"Only this port of the workspace is shared with you.");
	verdict_set_identity(v, s);
	v->location = a->start_url;
}

struct auth_call *
gate_enter_session(struct auth *a, const struct gate *g, struct auth_session *s,
		   const struct auth_facts *facts, struct auth_verdict *v)
{
	uint32_t retry_after_s;

	if (session_is_guest(s) && !g->admits_guests) {
		refuse_guest(a, s, v);
		return NULL;
	}
	session_touch(s);
	switch (session_check(s, &retry_after_s)) {
	case SESSION_ALLOWED:
		g->on_allowed(a, s, v);
		return NULL;
	case SESSION_PENDING:
		return wait_for_answer(a, g, s, facts, v);
	case SESSION_UNAVAILABLE:
		verdict_not_answered(v, retry_after_s, session_failure(s));
		return NULL;
	case SESSION_OVER:
		break;
	}
	session_end(s, AUTH_END_EXPIRED);
	g->on_no_session(a, facts, v);
	return NULL;
}

/* Checks the session cookie first, because a browser may send Authorization for the IDE. */
struct auth_call *
gate_enter(struct auth *a, const struct gate *g, const struct auth_facts *facts,
	   struct auth_verdict *v)
{
	struct auth_session *s = find_usable(a, facts);
	struct bearer_result bearer;

	if (s != NULL)
		return gate_enter_session(a, g, s, facts, v);
	bearer = bearer_find(a, g, facts, v);
	switch (bearer.state) {
	case BEARER_NONE:
		g->on_no_session(a, facts, v);
		return NULL;
	case BEARER_KNOWN:
		return gate_enter_session(a, g, bearer.session, facts, v);
	case BEARER_REFUSED:
		return NULL;
	case BEARER_ASKING:
		break;
	}
	return bearer.call;
}
