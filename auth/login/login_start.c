/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects a browser to sign in (RFC 6749 section 4.1.1, with RFC 7636) and sets a new flow's
 * cookie: to GitLab, to the relay, or from a port's host to the workspace's own.
 *
 * Restarts are counted, so that a browser that keeps no cookies gets an explanation instead of a
 * redirect loop.
 */
#include "auth/login/login_start.h"

#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/gitlab/authorize_url.h"
#include "auth/login/flow_cookie.h"
#include "auth/login/port_guest.h"
#include "auth/relay/relay_state.h"
#include "auth/session/session_recheck.h"
#include "auth/urls.h"
#include "base/clock.h"
#include "base/url.h"

/* Maximum bytes of a percent-encoded target in our URLs, because proxies limit request lines. */
#define START_TARGET_MAX 4096u

static const char *
relay_location(const struct auth *a, const struct flow *f, const char *scope, struct arena *arena)
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
		.scope = str_from(scope),
		.issued_ms = f->started_ms,
	};

	crypto_sha256_text(str_from(f->verifier), challenge);
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
authorize_location(const struct auth *a, const struct flow *f, const char *scope,
		   struct arena *arena)
{
	char challenge[FLOW_RANDOM_LEN + 1];
	const struct authorize_request request = {
		.endpoint = str_from(a->authorize_url),
		.client_id = str_from(a->settings->client_id),
		.redirect_uri = str_from(a->redirect_uri),
		.scope = str_from(scope),
		.state = str_from(f->state),
		.nonce = str_from(f->nonce),
		.challenge = {challenge, FLOW_RANDOM_LEN},
	};

	crypto_sha256_text(str_from(f->verifier), challenge);
	return authorize_url_format(&request, arena);
}

/* Returns the URL for a ticket: see port_ticket.h. A state needs no encoding. */
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

/* Whether the login goes to GitLab. For a port's host users sign in at the workspace's own host. */
static bool
is_login(const struct auth_facts *facts)
{
	return facts == NULL || facts->port == 0;
}

/* Returns where to redirect: for a port's host to the workspace's own host, otherwise to GitLab. */
static const char *
location_of(const struct auth *a, const struct auth_facts *facts, const struct flow *f,
	    struct arena *arena)
{
	const struct port_share *share;
	const char *scope = a->settings->scope;

	if (!is_login(facts))
		return port_location(a, facts->port, f, arena);
	share = f->guest_port == 0 ? NULL : port_guest_find(a, f->guest_port);
	if (share != NULL)
		scope = auth_audience_scope(a->settings, share->terms.audience, arena);
	if (scope == NULL)
		return NULL;
	return a->relay_start_url == NULL ? authorize_location(a, f, scope, arena)
					  : relay_location(a, f, scope, arena);
}

/* Returns the port whose guest signs in; 0: none. */
static uint16_t
guest_port_of(const struct auth *a, const struct auth_facts *facts, struct str target)
{
	const struct port_share *share = is_login(facts) ? port_guest_share(a, target) : NULL;

	return share == NULL ? 0 : share->terms.port;
}

static void
count_login(struct auth *a, const struct auth_facts *facts, enum auth_metrics_login outcome)
{
	if (is_login(facts))
		login_count(a, outcome);
}

/* Formats the URL with the percent-encoded target in "rd". NULL: the target is too long for a
 * URL. */
static const char *
format_start_url(const struct auth *a, struct str target, struct arena *arena)
{
	struct buf encoded;
	const char *url = NULL;

	buf_init(&encoded, START_TARGET_MAX);
	if (url_encode(&encoded, target))
		url = arena_printf(arena, "%s?rd=%.*s", a->start_url, STR_FMT(buf_view(&encoded)));
	buf_fini(&encoded);
	return url;
}

const char *
login_start_url(struct auth *a, struct str target, struct str client, struct arena *arena)
{
	char key[FLOW_RANDOM_LEN + 1];
	const char *url = NULL;

	if (str_equal(target, STR("/")))
		return a->start_url;
	if (flow_is_good_target(target, str_from(a->settings->prefix)))
		url = format_start_url(a, target, arena);
	if (url == NULL && str_equal(target, str_from(a->target_lost_url))) {
		url = arena_printf(arena, "%s?kept=", a->start_url);
	} else if (url == NULL) {
		crypto_random_text(key);
		return_targets_put(&a->targets, str_from(key), client, target);
		url = arena_printf(arena, "%s?kept=%s", a->start_url, key);
	}
	return url == NULL ? a->start_url : url;
}

static void
copy_target(char out[FLOW_TARGET_MAX + 1], struct str target)
{
	err_assert(target.data != NULL && target.len <= FLOW_TARGET_MAX);
	memcpy(out, target.data, target.len);
	out[target.len] = '\0';
}

/* "kept" is the key of a target that was too long for a URL. */
bool
login_start_read_target(const struct auth *a, const struct auth_facts *facts,
			char target[FLOW_TARGET_MAX + 1], const char **detail)
{
	struct str raw = STR_NONE;
	size_t kept = url_query_find(facts_query(facts), STR("kept"), &raw);
	struct str found =
		kept == 1 ? return_targets_find(&a->targets, raw, facts->client) : STR_NONE;
	size_t count = url_query_find(facts_query(facts), STR("rd"), &raw);
	struct str wanted = STR("/");
	struct buf decoded;

	*detail = count + kept > 1 ? "The parameter \"rd\" is repeated." : NULL;
	if (kept > 0) {
		copy_target(target, found.data == NULL ? str_from(a->target_lost_url) : found);
		return *detail == NULL;
	}
	buf_init(&decoded, URL_MAX_BYTES);
	if (count == 1 && url_decode(&decoded, raw, true))
		wanted = buf_view(&decoded);
	flow_set_target(target, wanted, str_from(a->settings->prefix));
	buf_fini(&decoded);
	return *detail == NULL;
}

void
login_start_take_target(const struct auth *a, const struct auth_facts *facts,
			char target[FLOW_TARGET_MAX + 1])
{
	if (!flow_set_request_target(target, facts->target))
		copy_target(target, str_from(a->target_lost_url));
}

void
login_start_for_request(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	char target[FLOW_TARGET_MAX + 1];

	login_start_take_target(a, facts, target);
	login_start(a, facts,
		    &(struct login_round){.target = str_from(target),
					  .client = facts->client,
					  .cors_page = auth_find_cors_page(a, facts)},
		    v);
}

void
login_start_for_owner(struct auth *a, struct str target, struct str client, struct auth_verdict *v)
{
	const char *full = port_guest_skip(target, &v->arena);

	login_count(a, AUTH_LOGIN_RESTARTED);
	verdict_redirect(v, 302,
			 full == NULL ? NULL
				      : login_start_url(a, str_from(full), client, &v->arena));
}

void
login_start_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	char target[FLOW_TARGET_MAX + 1];

	verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	if (!auth_is_frame(facts) || !facts_is_get(facts))
		return;
	login_start_take_target(a, facts, target);
	v->location = login_start_url(a, str_from(target), facts->client, &v->arena);
}

/* Returns the maximum number of rounds: see FLOW_ROUNDS_PARALLEL_MAX. */
static unsigned
rounds_max(const struct auth *a, const struct auth_facts *facts)
{
	return facts != NULL && flow_cookie_has_any(a, facts) ? FLOW_ROUNDS_PARALLEL_MAX
							      : FLOW_ROUNDS_MAX;
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
	if (r.number >= rounds_max(a, facts)) {
		count_login(a, facts, AUTH_LOGIN_LOOP);
		verdict_problem(v, AUTH_PROBLEM_LOGIN_LOOP,
				"Signing in was tried several times without success.");
		v->location = login_start_url(a, r.target, r.client, &v->arena);
		return;
	}
	if (is_login(facts))
		gitlab_metrics(a->gitlab)->logins_started++;
	flow_init(&flow, flow_cookie_next_id(a), r.number, r.first_ms, r.target);
	flow.guest_port = guest_port_of(a, facts, r.target);
	flow.cors_page = r.cors_page;
	v->allows_origin = r.cors_page != CORS_PAGE_NONE;
	return_targets_put(&a->targets, (struct str){flow.state + FLOW_ID_LEN + 1, FLOW_RANDOM_LEN},
			   r.client, r.target);
	verdict_redirect(v, v->allows_origin ? 307 : 302, location_of(a, facts, &flow, &v->arena));
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
		.target = str_from(flow->target),
		.client = facts->client,
		.number = state->round + 1,
		.first_ms = state->first_ms,
	};
	struct auth_session *s = session_find_for_callback(a->store, facts);

	if (flow->state[0] != '\0')
		flow_cookie_clear(a, state->id, v);
	if (s != NULL && !session_wants_login(s)) {
		verdict_redirect(
			v, 302,
			flow_target_location(round.target, urls_own_origin(a, facts), &v->arena));
		return;
	}
	count_login(a, facts, AUTH_LOGIN_RESTARTED);
	log_info(facts->log, "login restarted", log_str("flow", state->id),
		 log_int("round", (int64_t)round.number));
	login_start(a, facts, &round, v);
}
