/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a browser off to sign in (RFC 6749 section 4.1.1, with RFC 7636): to GitLab itself, to the
 * relay, or from a port's host to the workspace's own; a new flow's cookie goes with it.
 *
 * Restarts are counted, so that a browser which keeps no cookies gets an explanation instead of a
 * loop.
 */
#include "auth/login/login_start.h"

#include "auth/addresses.h"
#include "auth/gitlab/authorize_url.h"
#include "auth/login/flow_cookie.h"
#include "auth/relay/relay_state.h"
#include "auth/session/session_recheck.h"
#include "auth/verdict.h"
#include "base/clock.h"

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
	const struct authorize_request request = {
		.endpoint = str_from(a->authorize_url),
		.client_id = str_from(a->settings->client_id),
		.redirect_uri = str_from(a->redirect_uri),
		.scope = str_from(a->settings->scope),
		.state = str_from(f->state),
		.nonce = str_from(f->nonce),
		.challenge = {challenge, FLOW_RANDOM_LEN},
	};

	flow_challenge(f, challenge);
	return authorize_url_format(&request, arena);
}

/* See port_ticket.h. A state needs no encoding. */
static const char *
port_location(const struct auth *a, uint16_t port, const struct flow *f, struct arena *arena)
{
	return arena_printf(arena, "%.*s%s/port?port=%u&state=%s", STR_FMT(a->origin),
			    a->settings->prefix, port, f->state);
}

void
login_count(struct auth *a, enum auth_metrics_login outcome)
{
	gitlab_metrics(a->gitlab)->logins[outcome]++;
}

/* Whether this goes to GitLab: a port's host is signed in to at the workspace's own. */
static bool
is_login(const struct auth_facts *facts)
{
	return facts == NULL || facts->port == 0;
}

/* Where the browser is sent: for a port's host to the workspace's own, else to GitLab. */
static const char *
location_of(const struct auth *a, const struct auth_facts *facts, const struct flow *f,
	    struct arena *arena)
{
	if (!is_login(facts))
		return port_location(a, facts->port, f, arena);
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
login_start(struct auth *a, const struct auth_facts *facts, const struct login_round *round,
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
		v->location = addresses_start_url(a, r.target, &v->arena);
		return;
	}
	if (is_login(facts))
		gitlab_metrics(a->gitlab)->logins_started++;
	flow_init(&flow, flow_cookie_next_id(a), r.number, r.first_ms, r.target);
	verdict_redirect(v, 302, location_of(a, facts, &flow, &v->arena));
	if (!flow_cookie_add(a, facts, &flow, v, &e)) {
		log_error(NULL, "login not started", log_err(&e));
		verdict_unavailable(v, 0, "A login could not be started.");
	}
	flow_wipe(&flow);
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
	login_start(a, facts, &round, v);
}
