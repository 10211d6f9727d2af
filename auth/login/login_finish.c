/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges the code for tokens, requests the user, checks authorization, and only then opens a
 * session. If it ends earlier, the tokens are revoked. One timer limits the total time, and the
 * number of concurrent exchanges is limited, in total and per client.
 */
#include "auth/login/login_finish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/gate/verdict_fill.h"
#include "auth/gitlab/id_token.h"
#include "auth/gitlab/policy.h"
#include "auth/login/login_start.h"
#include "auth/login/port_guest.h"
#include "auth/login/port_ticket.h"
#include "auth/session/session_cookie.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_history.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_watch.h"
#include "base/clock.h"
#include "base/net/ip.h"

struct login_finish {
	struct auth_call call;
	struct client_quota_entry quota;
	char client[IP_TEXT_MAX];
	enum fetch_priority priority;
	struct flow flow;
	char flow_id[FLOW_ID_LEN + 1];
	unsigned round;
	int64_t first_ms;
	bool has_old;
	uint8_t old_id[SESSION_ID_BYTES];
	struct session_history history;
	struct port_share *share; /* the share whose guest signs in; or NULL */
	struct gitlab_tokens tokens;
	struct gitlab_user user;
	struct gitlab_call *asking; /* request for tokens or user */
	struct policy_check check;
	struct loop_timer timer;
};

static void
login_free(struct login_finish *l)
{
	struct gitlab *g = l->call.auth->gitlab;

	gitlab_abandon(g, l->asking);
	policy_cancel(&l->check);
	gitlab_revoke(g, &l->tokens);
	port_share_unref(l->share);
	loop_timer_fini(&l->timer);
	client_quota_remove(&l->call.auth->logins, &l->quota);
	auth_unlink_call(&l->call);
	secret_wipe(l, sizeof(*l));
	free(l);
}

static void
on_cancel(struct auth_call *call)
{
	login_free((struct login_finish *)call);
}

/* Frees l, then calls done. The verdict must be filled. */
static void
finish_call(struct login_finish *l)
{
	struct auth_call call = l->call;

	login_free(l);
	call.done(call.verdict, call.arg);
}

static void
end_with_problem(struct login_finish *l, enum auth_problem problem, const char *detail,
		 const struct err *why)
{
	struct auth_verdict *v = l->call.verdict;

	login_count(l->call.auth, auth_metrics_login_of(problem));
	log_warn(NULL, "login failed", log_cstr("flow", l->flow_id), log_err(why));
	verdict_problem(v, problem, detail);
	v->location = login_start_url(l->call.auth, str_from(l->flow.target), str_from(l->client),
				      &v->arena);
	finish_call(l);
}

static void
end_unavailable(struct login_finish *l, const struct err *why, uint32_t retry_after_s)
{
	uint32_t wait_s = retry_after_s == 0 ? AUTH_RETRY_AFTER_S : retry_after_s;

	/* Keeps the flow's cookie, so that reloading the page starts again with the same target. */
	l->call.verdict->set_cookies_count = 0;
	l->call.verdict->retry_after_s = wait_s;
	end_with_problem(l, verdict_problem_of(why->code), NULL, why);
}

/* missing_scope: what the token lacks; NULL: GitLab does not accept the application. */
static void
end_misconfigured(struct login_finish *l, const char *missing_scope, const struct err *why)
{
	struct arena *arena = &l->call.verdict->arena;

	if (missing_scope == NULL)
		end_with_problem(l, AUTH_PROBLEM_GITLAB_REFUSES_US, NULL, why);
	else
		end_with_problem(l, AUTH_PROBLEM_SCOPE,
				 arena_printf(arena, "The missing scope is %s.", missing_scope),
				 why);
}

static void
restart_login(struct login_finish *l, const struct err *why)
{
	const struct login_round round = {
		.target = str_from(l->flow.target),
		.client = str_from(l->client),
		.number = l->round + 1,
		.first_ms = l->first_ms,
	};
	struct auth_verdict *v = l->call.verdict;

	login_count(l->call.auth, AUTH_LOGIN_RESTARTED);
	log_warn(NULL, "login restarted", log_cstr("flow", l->flow_id), log_err(why));
	login_start(l->call.auth, NULL, &round, v);
	if (v->problem == AUTH_PROBLEM_LOGIN_LOOP)
		verdict_problem(v, AUTH_PROBLEM_LOGIN_FAILED,
				"GitLab rejected the authorization code that it had issued.");
	finish_call(l);
}

/* Ends the login after any request that failed. */
static void
end_by_outcome(struct login_finish *l, const struct gitlab_answer *answer, const char *question)
{
	struct err why = answer->err;

	err_wrap(&why, "%s", question);
	switch (answer->outcome) {
	case GITLAB_GRANT_INVALID:
		restart_login(l, &why);
		return;
	case GITLAB_DENIED:
		end_with_problem(l, AUTH_PROBLEM_LOGIN_FAILED,
				 "The operator does not let this workspace or account sign in.",
				 &why);
		return;
	case GITLAB_REFUSES_US:
		end_misconfigured(l, answer->missing_scope, &why);
		return;
	case GITLAB_NO:
	case GITLAB_TOKEN_INVALID:
	case GITLAB_FORBIDDEN:
		end_with_problem(l, AUTH_PROBLEM_LOGIN_FAILED,
				 "GitLab does not let this account use its API.", &why);
		return;
	case GITLAB_OK:
	case GITLAB_UNAVAILABLE:
	case GITLAB_LOST:
		break;
	}
	end_unavailable(l, &why, answer->retry_after_s);
}

static void
end_without_access(struct login_finish *l, const char *detail, const struct err *why)
{
	verdict_copy_identity(l->call.verdict, &l->user);
	l->call.verdict->gitlab_url = l->call.auth->gitlab_url;
	end_with_problem(l, l->share == NULL ? AUTH_PROBLEM_NO_ACCESS : AUTH_PROBLEM_NOT_SHARED,
			 detail, why);
}

/* The share may have ended while GitLab was asked. */
static void
open_guest_session(struct login_finish *l)
{
	const struct port_guest_login login = {
		.share = l->share,
		.user = &l->user,
		.tokens = &l->tokens,
		.target = str_from(l->flow.target),
	};
	struct auth *a = l->call.auth;
	struct err e = ERR_INIT;

	if (port_ticket_issue_to_guest(a, &login, l->call.verdict, &e)) {
		client_rate_note_success(gitlab_client_rate(a->gitlab), l->quota.client);
		login_count(a, AUTH_LOGIN_OK);
		finish_call(l);
	} else if (e.code == ERR_DENIED) {
		end_without_access(l, "It is no longer shared.", &e);
	} else {
		end_unavailable(l, &e, 0);
	}
}

static struct auth_session *
find_old(const struct login_finish *l)
{
	return l->has_old ? session_find_id(l->call.auth->store, l->old_id) : NULL;
}

/* Ends the browser's previous session; moves its open connections to the new one. */
static void
replace_old(struct login_finish *l, struct auth_session *s)
{
	struct auth_session *old = find_old(l);

	if (old == NULL)
		return;
	if (session_is_of_same_user(old, s)) {
		session_move_watches(old, s);
		session_devices_move(old, s);
	}
	session_end(old, AUTH_END_SIGNED_OUT);
}

static void
open_session(struct login_finish *l)
{
	struct auth *a = l->call.auth;
	struct auth_verdict *v = l->call.verdict;
	struct err e = ERR_INIT;
	struct auth_session *s = session_new(a->store, &l->user, &l->tokens, &e);

	if (s == NULL) {
		end_unavailable(l, &e, 0);
		return;
	}
	replace_old(l, s);
	client_rate_note_success(gitlab_client_rate(a->gitlab), l->quota.client);
	login_count(l->call.auth, AUTH_LOGIN_OK);
	log_info(NULL, "signed in", log_cstr("flow", l->flow_id),
		 log_cstr("user", l->user.username));
	verdict_redirect(v, 302,
			 flow_target_location(str_from(l->flow.target), a->origin, &v->arena));
	verdict_add_cookie(v, cookie_format(&a->cookies, &v->arena,
					    str_from(a->settings->cookie_name), session_cookie(s),
					    (a->settings->cookie_expire_ms + 999) / 1000));
	verdict_add_cookie(v, session_history_add(&l->history, s, &v->arena));
	finish_call(l);
}

static void
on_allowed(struct login_finish *l)
{
	const struct auth *a = l->call.auth;
	struct err why = ERR_INIT;

	if (l->share != NULL) {
		open_guest_session(l);
		return;
	}
	session_history_note_replaced(&l->history, find_old(l), l->flow.started_ms);
	if (session_history_shows_lost_cookies(&l->history, a->store, l->flow.started_ms)) {
		err_set(&why, ERR_INPUT, "the browser does not return the session cookie");
		end_with_problem(l, AUTH_PROBLEM_LOGIN_LOOP,
				 "Signing in succeeds, but the browser does not keep the session.",
				 &why);
		return;
	}
	open_session(l);
}

static void
on_policy(const struct policy_result *result, void *arg)
{
	struct login_finish *l = arg;
	struct err why = result->err;

	err_wrap(&why, "authorization");
	switch (result->verdict) {
	case POLICY_ALLOWED:
		on_allowed(l);
		return;
	case POLICY_REFUSED:
		end_without_access(l, result->detail, &why);
		return;
	case POLICY_TOKEN_INVALID:
		end_with_problem(l, AUTH_PROBLEM_LOGIN_FAILED,
				 "GitLab rejected the token that it had issued.", &why);
		return;
	case POLICY_MISCONFIGURED:
		end_misconfigured(l, result->missing_scope, &why);
		return;
	case POLICY_PENDING:
	case POLICY_UNKNOWN:
		break;
	}
	end_unavailable(l, &why, result->retry_after_s);
}

static bool
check_id_token(const struct login_finish *l, struct err *e)
{
	const struct auth *a = l->call.auth;
	const struct id_token_expect expect = {
		.issuer = str_from(a->gitlab_url),
		.client_id = str_from(a->settings->client_id),
		.nonce = str_from(l->flow.nonce),
		.user_id = l->user.id,
		.now_s = clock_wall_s(),
	};

	return l->tokens.id_token == NULL || id_token_check(l->tokens.id_token, &expect, e);
}

static struct gitlab_credentials
api_credentials(const struct login_finish *l)
{
	return (struct gitlab_credentials){
		.token = l->tokens.access,
		.user_id = l->user.id,
		.priority = l->priority,
	};
}

static void
on_user(struct gitlab_answer *answer, void *arg)
{
	struct login_finish *l = arg;
	struct policy_subject subject;
	struct policy_result result;
	struct err why = ERR_INIT;

	l->asking = NULL;
	if (answer->outcome != GITLAB_OK) {
		end_by_outcome(l, answer, "user");
		return;
	}
	l->user = answer->user;
	if (!check_id_token(l, &why)) {
		end_with_problem(l, AUTH_PROBLEM_LOGIN_FAILED,
				 "GitLab's response does not match this login.", &why);
		return;
	}
	if (!l->user.is_active) {
		err_set(&why, ERR_DENIED, "the account is blocked, locked or not active");
		end_without_access(l, "This account is not active in GitLab.", &why);
		return;
	}
	if (l->share != NULL && l->user.id == l->share->by_id) {
		login_start_for_owner(l->call.auth, str_from(l->flow.target), str_from(l->client),
				      l->call.verdict);
		finish_call(l);
		return;
	}
	subject = (struct policy_subject){.who = api_credentials(l), .username = l->user.username};
	if (policy_start(&l->check, &subject, &result, on_policy, l) != POLICY_PENDING)
		on_policy(&result, l);
}

static void
on_tokens(struct gitlab_answer *answer, void *arg)
{
	struct login_finish *l = arg;
	struct err why = ERR_INIT;

	l->asking = NULL;
	if (answer->outcome != GITLAB_OK) {
		end_by_outcome(l, answer, "token exchange");
		return;
	}
	l->tokens = answer->tokens;
	answer->tokens = (struct gitlab_tokens){0};
	if (answer->missing_scope != NULL && l->share != NULL) {
		err_set(&why, ERR_DENIED, "the share of the port was changed during the login");
		restart_login(l, &why);
		return;
	}
	if (answer->missing_scope != NULL) {
		err_set(&why, ERR_DENIED, "token exchange: GitLab granted no scope %s",
			answer->missing_scope);
		end_misconfigured(l, answer->missing_scope, &why);
		return;
	}
	const struct gitlab_credentials who = api_credentials(l);
	l->asking = gitlab_get_user(l->call.auth->gitlab, &who, on_user, l);
	if (l->asking != NULL)
		return;
	err_set(&why, ERR_MEMORY, "the request for the user could not be sent");
	end_unavailable(l, &why, 0);
}

static void
on_timeout(void *arg)
{
	struct login_finish *l = arg;
	struct err why = ERR_INIT;

	err_set(&why, ERR_TIMEOUT, "GitLab did not answer in time");
	end_unavailable(l, &why, 0);
}

static void
refuse_to_start(struct auth *a, const struct login_finish_input *x, uint32_t retry_after_s,
		struct auth_verdict *v)
{
	login_count(a, AUTH_LOGIN_UNAVAILABLE);
	verdict_unavailable(v, retry_after_s, "Too many users are signing in at once.");
	v->location = login_start_url(a, str_from(x->flow->target), x->client, &v->arena);
}

/* Signs in a guest, which does not replace the session of a user. */
static void
set_share(struct login_finish *l, struct port_share *share)
{
	if (share == NULL)
		return;
	port_share_ref(share);
	l->share = share;
	l->check.rule = &share->rule;
	l->has_old = false;
}

static struct login_finish *
login_new(struct auth *a, const struct login_finish_input *x, struct port_share *share)
{
	struct login_finish *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->flow = *x->flow;
	memcpy(l->flow_id, x->state.id.data, FLOW_ID_LEN);
	l->round = x->state.round;
	l->first_ms = x->state.first_ms;
	l->history = *x->history;
	l->has_old = x->old_session != NULL;
	if (l->has_old)
		memcpy(l->old_id, x->old_session, sizeof(l->old_id));
	set_share(l, share);
	l->check.gitlab = a->gitlab;
	l->check.settings = a->settings;
	l->call.cancel = on_cancel;
	loop_timer_init(&l->timer, a->loop, on_timeout, l);
	auth_link_call(&l->call, a);
	client_quota_add(&a->logins, &l->quota, x->client);
	(void)snprintf(l->client, sizeof(l->client), "%.*s", STR_FMT(x->client));
	l->priority = gitlab_client_priority(a->gitlab, l->quota.client);
	return l;
}

struct auth_call *
login_finish_start(struct auth *a, const struct login_finish_input *x, struct auth_verdict *v,
		   auth_done_fn *done, void *arg)
{
	bool is_known = gitlab_client_priority(a->gitlab, client_key(x->client)) == FETCH_NORMAL;
	size_t max = is_known ? AUTH_LOGINS_MAX : AUTH_LOGINS_MAX - AUTH_LOGINS_RESERVED;
	bool has_room =
		client_quota_has_room(&a->logins, x->client, max, AUTH_LOGINS_PER_CLIENT_MAX) &&
		auth_may_start_call(a);
	uint32_t retry_after_s = 0;
	uint16_t guest_port = x->flow->guest_port;
	struct port_share *share = guest_port == 0 ? NULL : port_guest_find(a, guest_port);
	struct login_finish *l;

	if (guest_port != 0 && share == NULL) {
		login_count(a, AUTH_LOGIN_NO_ACCESS);
		verdict_refuse(a, v, AUTH_PROBLEM_NOT_SHARED, "It is no longer shared.");
		return NULL;
	}
	if (has_room &&
	    !client_rate_charge(gitlab_client_rate(a->gitlab), x->client, &retry_after_s)) {
		refuse_to_start(a, x, retry_after_s, v);
		return NULL;
	}
	l = has_room ? login_new(a, x, share) : NULL;
	if (l == NULL) {
		log_warn(NULL, "too many logins at once");
		refuse_to_start(a, x, 0, v);
		return NULL;
	}
	l->call.verdict = v;
	l->call.done = done;
	l->call.arg = arg;
	const struct gitlab_code code = {
		.code = x->code,
		.verifier = str_from(l->flow.verifier),
		.modes = share == NULL ? a->settings->modes : share->rule.modes,
		.priority = l->priority,
	};
	l->asking = gitlab_exchange_code(a->gitlab, &code, on_tokens, l);
	if (l->asking == NULL) {
		login_free(l);
		verdict_unavailable(v, 0, NULL);
		v->location = a->start_url;
		return NULL;
	}
	loop_timer_start(&l->timer, a->login_timeout_ms);
	return &l->call;
}
