/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization code flow as the browser sees it (RFC 6749 section 4.1, with RFC 7636): start,
 * and the callback up to the point where it is known to be this browser's own.
 *
 * Never a dead end: a callback whose flow is unknown leads into the workspace where there is a
 * session, and to a new login where there is none. Restarts are counted, so that a browser which
 * keeps no cookies gets an explanation instead of a loop.
 */
#include "auth/login/login.h"

#include <stdlib.h>

#include "auth/login/flow_cookie.h"
#include "auth/login/port_ticket.h"
#include "auth/relay/relay_state.h"
#include "auth/session/session_recheck.h"
#include "base/clock.h"
#include "base/crypto.h"

#define CODE_MAX_BYTES	512u
#define ERROR_MAX_BYTES 512u

/* What a callback carries, decoded. */
struct callback {
	struct buf code;
	struct buf state;
	struct buf error;
	struct flow_state parts; /* of state */
	struct flow flow;
};

static bool
add_parameter(struct buf *url, const char *name, struct str value)
{
	buf_add_str(url, str_from(name));
	return url_encode(url, value);
}

static const char *
relay_location(const struct auth *a, const struct flow *f, struct arena *arena)
{
	char challenge[FLOW_RANDOM_LEN + 1];
	const char *location = NULL;
	struct err e = ERR_INIT;
	struct buf text;
	const struct relay_request request = {
		.authority = str_skip(a->origin, strlen("https://")),
		.prefix = str_from(a->settings->prefix),
		.state = str_from(f->state),
		.challenge = {challenge, FLOW_RANDOM_LEN},
		.nonce = str_from(f->nonce),
		.scope = str_from(a->settings->scope),
		.issued_ms = f->started_ms,
	};

	flow_challenge(f, challenge);
	buf_init(&text, RELAY_REQUEST_MAX);
	if (relay_request_write(&request, a->settings->relay_key, &text, &e))
		location = arena_printf(arena, "%s?request=%.*s", a->relay_start_url,
					STR_FMT(buf_view(&text)));
	else
		log_error(NULL, "login not started", log_err(&e));
	buf_fini(&text);
	return location;
}

static const char *
authorize_location(const struct auth *a, const struct flow *f, struct arena *arena)
{
	char challenge[FLOW_RANDOM_LEN + 1];
	const char *location = NULL;
	struct buf url;

	flow_challenge(f, challenge);
	buf_init(&url, URL_MAX_BYTES);
	buf_add_str(&url, str_from(a->authorize_url));
	add_parameter(&url, "?response_type=code&client_id=", str_from(a->settings->client_id));
	add_parameter(&url, "&redirect_uri=", str_from(a->redirect_uri));
	add_parameter(&url, "&scope=", str_from(a->settings->scope));
	add_parameter(&url, "&state=", str_from(f->state));
	add_parameter(&url, "&nonce=", str_from(f->nonce));
	add_parameter(&url, "&code_challenge_method=S256&code_challenge=", str_from(challenge));
	if (buf_is_ok(&url))
		location = arena_dup(arena, buf_view(&url));
	buf_fini(&url);
	return location;
}

/* The way to a port's host is none. */
static bool
is_login(const struct auth_facts *facts)
{
	return facts == NULL || facts->port == 0;
}

/* Where a login goes on: at the workspace's own host for that of a port, else at GitLab. */
static const char *
location_of(const struct auth *a, const struct auth_facts *facts, const struct flow *f,
	    struct arena *arena)
{
	if (!is_login(facts))
		return handover_location(a, facts->port, f, arena);
	return a->relay_start_url == NULL ? authorize_location(a, f, arena)
					  : relay_location(a, f, arena);
}

static void
count_login(struct auth *a, const struct auth_facts *facts, enum auth_metrics_login outcome)
{
	if (is_login(facts))
		login_count(a, outcome);
}

void
login_begin(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
	    struct auth_verdict *v)
{
	struct login_round r = *round;
	struct err e = ERR_INIT;
	int64_t now_ms = clock_wall_ms();
	struct flow flow;

	if (r.first_ms <= 0 || r.first_ms > now_ms || now_ms - r.first_ms > FLOW_ROUNDS_MS) {
		r.first_ms = now_ms;
		r.number = r.number == 0 ? 0 : 1;
	}
	if (r.number >= FLOW_ROUNDS_MAX) {
		count_login(a, facts, AUTH_LOGIN_LOOP);
		verdict_problem(v, AUTH_PROBLEM_LOGIN_LOOP,
				"Signing in was tried several times without success.");
		v->location = start_url_for(a, r.target, &v->arena);
		return;
	}
	if (is_login(facts))
		gitlab_metrics(a->gitlab)->logins_started++;
	flow_init(&flow, flow_cookie_next_id(a), r.number, r.first_ms, r.target);
	verdict_redirect(v, 302, location_of(a, facts, &flow, &v->arena));
	if (facts != NULL)
		flow_cookie_expire_surplus(a, facts, v);
	if (!flow_cookie_add(a, facts, &flow, v, &e)) {
		log_error(NULL, "login not started", log_err(&e));
		verdict_unavailable(v, 0, "A login could not be started.");
	}
	flow_wipe(&flow);
}

static bool
is_visible_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= 0x20 || s.data[i] >= 0x7f)
			return false;
	}
	return true;
}

void
login_count(struct auth *a, enum auth_metrics_login outcome)
{
	gitlab_metrics(a->gitlab)->logins[outcome]++;
}

static const char *
read_callback(struct callback *c, const struct auth_facts *facts)
{
	const char *detail = facts_read_answer(facts, &c->state, &c->code, &c->error);

	if (detail != NULL)
		return detail;
	if (!is_visible_ascii(buf_view(&c->code)))
		return "The parameter \"code\" is malformed.";
	if (!flow_parse_state(&c->parts, buf_view(&c->state)))
		return "The parameter \"state\" is malformed.";
	return NULL;
}

void
login_recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
	      const struct flow *flow, struct auth_verdict *v)
{
	struct login_round round = {
		.target = flow->target[0] == '\0' ? STR("/") : str_from(flow->target),
		.number = state->round + 1,
		.first_ms = state->first_ms,
	};
	struct auth_session *s = session_find(a->store, facts);

	if (flow->target[0] != '\0')
		flow_cookie_clear(a, state->id, v);
	if (s != NULL && !session_wants_login(s)) {
		verdict_redirect(v, 302, arena_dup(&v->arena, round.target));
		return;
	}
	count_login(a, facts, AUTH_LOGIN_RESTARTED);
	log_info(facts->log, "login restarted", log_str("flow", state->id),
		 log_int("round", (int64_t)round.number));
	login_begin(a, facts, &round, v);
}

static void
report_error(struct auth *a, const struct auth_facts *facts, const struct callback *c,
	     struct auth_verdict *v)
{
	struct str error = buf_view(&c->error);

	log_warn(facts->log, "GitLab reports a login error", log_str("flow", c->parts.id),
		 log_str("reported", error));
	v->location = start_url_for(a, str_from(c->flow.target), &v->arena);
	if (str_equal(error, STR("access_denied")))
		verdict_problem(v, AUTH_PROBLEM_CONSENT_DENIED, NULL);
	else if (str_equal(error, STR("temporarily_unavailable")) ||
		 str_equal(error, STR("server_error")))
		verdict_unavailable(v, 0, NULL);
	else if (str_equal(error, STR("invalid_scope")) ||
		 str_equal(error, STR("invalid_client")) ||
		 str_equal(error, STR("unauthorized_client")))
		verdict_problem(v, AUTH_PROBLEM_GITLAB_REFUSES_US, NULL);
	else
		verdict_problem(v, AUTH_PROBLEM_LOGIN_FAILED, "GitLab reported an error.");
	login_count(a, auth_metrics_login_of(v->problem));
}

static struct auth_call *
answer_callback(struct auth *a, const struct auth_facts *facts, struct callback *c,
		struct auth_verdict *v, auth_done_fn *done, void *arg)
{
	const char *detail = read_callback(c, facts);
	struct login_exchange x = {.flow = &c->flow, .client = facts->client};
	const struct auth_session *old;

	if (detail != NULL) {
		login_count(a, AUTH_LOGIN_BAD_REQUEST);
		verdict_problem(v, AUTH_PROBLEM_BAD_REQUEST, detail);
		v->location = a->start_url;
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
	log_info(facts->log, "login comes back", log_str("flow", c->parts.id));
	old = session_find(a->store, facts);
	x.old_session = old == NULL ? NULL : session_id(old);
	x.state = c->parts;
	x.code = buf_view(&c->code);
	return login_exchange_start(a, &x, v, done, arg);
}

struct auth_call *
login_finish(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	     auth_done_fn *done, void *arg)
{
	struct auth_call *call;
	struct callback c = {0};

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
