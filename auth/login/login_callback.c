/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the authorization response (RFC 6749 section 4.1.2) and checks that it belongs to a login
 * of this browser, each of which may come back once; then the code is exchanged.
 *
 * A callback of an unknown flow redirects to the workspace if there is a session, and otherwise to
 * a new login.
 */
#include "auth/login/login_callback.h"

#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/flow_cookie.h"
#include "auth/login/login_finish.h"
#include "auth/login/login_start.h"
#include "base/ascii.h"

#define CODE_MAX_BYTES	512u
#define ERROR_MAX_BYTES 512u

/* The decoded parameters of a callback, and their flow. */
struct login_response {
	struct buf code;
	struct buf state;
	struct buf error;
	struct flow_state parts; /* parsed from state */
	struct flow flow;
};

static const char *
read_callback(struct login_response *c, const struct auth_facts *facts)
{
	const char *detail = facts_read_answer(facts, &c->state, &c->code, &c->error);

	if (detail != NULL)
		return detail;
	if (!ascii_all_visible(buf_view(&c->code)))
		return "The parameter \"code\" is malformed.";
	if (!flow_parse_state(&c->parts, buf_view(&c->state)))
		return "The parameter \"state\" is malformed.";
	return NULL;
}

static void
report_error(struct auth *a, const struct auth_facts *facts, const struct login_response *c,
	     struct auth_verdict *v)
{
	struct str error = buf_view(&c->error);

	log_warn(facts->log, "GitLab reports a login error", log_str("flow", c->parts.id),
		 log_str("reported", error));
	v->location = login_start_url(a, str_from(c->flow.target), facts->client, &v->arena);
	if (str_equal(error, STR("access_denied")))
		verdict_problem(v, AUTH_PROBLEM_CONSENT_DENIED, NULL);
	else if (str_equal(error, STR("temporarily_unavailable")) ||
		 str_equal(error, STR("server_error")))
		verdict_unavailable(v, 0, NULL);
	else if (str_equal(error, STR("invalid_scope")))
		verdict_problem(v, AUTH_PROBLEM_SCOPE,
				arena_printf(&v->arena, "The application must have the scopes %s.",
					     a->settings->scope));
	else if (str_equal(error, STR("invalid_client")) ||
		 str_equal(error, STR("unauthorized_client")))
		verdict_problem(v, AUTH_PROBLEM_GITLAB_REFUSES_US, NULL);
	else
		verdict_problem(v, AUTH_PROBLEM_LOGIN_FAILED, "GitLab reported an error.");
	login_count(a, auth_metrics_login_of(v->problem));
}

static struct auth_call *
answer_callback(struct auth *a, const struct auth_facts *facts, struct login_response *c,
		struct auth_verdict *v, auth_done_fn *done, void *arg)
{
	const char *detail = read_callback(c, facts);
	struct login_finish_input x = {.flow = &c->flow, .client = facts->client};
	const struct auth_session *old;
	struct session_history history;

	if (detail != NULL) {
		login_count(a, AUTH_LOGIN_BAD_REQUEST);
		verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, detail);
		return NULL;
	}
	if (!flow_cookie_find(a, facts, &c->parts, &c->flow) ||
	    !flow_ring_take(&a->used_flows, &c->parts)) {
		login_recover(a, facts, &c->parts, &c->flow, v);
		return NULL;
	}
	flow_cookie_clear(a, c->parts.id, v);
	if (c->error.len > 0) {
		report_error(a, facts, c, v);
		return NULL;
	}
	log_info(facts->log, "login returned from GitLab", log_str("flow", c->parts.id));
	old = session_find_for_callback(a->store, facts);
	x.old_session = old == NULL ? NULL : session_id(old);
	session_history_read(&history, a->store, facts);
	x.history = &history;
	x.state = c->parts;
	x.code = buf_view(&c->code);
	return login_finish_start(a, &x, v, done, arg);
}

struct auth_call *
login_callback(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	       auth_done_fn *done, void *arg)
{
	struct auth_call *call;
	struct login_response c = {0};

	buf_init(&c.code, CODE_MAX_BYTES);
	buf_init(&c.state, FLOW_STATE_MAX);
	buf_init(&c.error, ERROR_MAX_BYTES);
	call = answer_callback(a, facts, &c, v, done, arg);
	buf_wipe_fini(&c.code);
	buf_wipe_fini(&c.state);
	buf_fini(&c.error);
	flow_wipe(&c.flow);
	return call;
}
