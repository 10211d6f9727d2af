/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization code flow as the browser sees it (RFC 6749 section 4.1, with RFC 7636): start,
 * and the callback up to the point where it is known to be this browser's own.
 *
 * Never a dead end: a callback whose flow is unknown leads into the workspace where there is a
 * session, and to a new login where there is none. Restarts are counted, so that a browser which
 * keeps no cookies gets an explanation instead of a loop.
 */
#include "auth/login.h"

#include <stdlib.h>

#include "auth/relay_state.h"
#include "base/clock.h"
#include "base/crypto.h"

#define CODE_MAX_BYTES	512u
#define ERROR_MAX_BYTES 512u
#define OPENS_MAX	4u
#define CLOCK_SKEW_MS	(300 * INT64_C(1000))

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

/* Ids grow with time, so that the oldest flow of a browser is known without opening any. */
static uint32_t
next_flow_id(struct auth *a)
{
	uint32_t now = (uint32_t)clock_wall_ms();

	a->last_flow_id = (int32_t)(now - a->last_flow_id) > 0 ? now : a->last_flow_id + 1;
	return a->last_flow_id;
}

static void
clear_flow_cookie(struct auth *a, struct str id, struct auth_verdict *v)
{
	struct buf name;

	buf_init(&name, 256);
	if (flow_cookie_name(&name, a->settings->cookie_name, id))
		verdict_add_cookie(
			v, cookie_format(&a->cookies, &v->arena, buf_view(&name), STR_NONE, 0));
	buf_fini(&name);
}

static uint32_t
age_of_flow(const struct auth *a, struct str id)
{
	uint8_t bytes[FLOW_ID_LEN / 2];
	uint32_t number = 0;
	struct buf out;

	buf_init(&out, sizeof(bytes));
	if (crypto_hex_decode(&out, id) && out.len == sizeof(bytes))
		memcpy(bytes, out.data, sizeof(bytes));
	else
		memset(bytes, 0, sizeof(bytes));
	buf_fini(&out);
	for (size_t i = 0; i < sizeof(bytes); i++)
		number = number << 8 | bytes[i];
	return a->last_flow_id - number;
}

/* The oldest of the browser's flow cookies that is younger than `below`; counts those. */
static size_t
find_oldest_flow(const struct auth *a, const struct auth_facts *facts, uint64_t below,
		 struct str *oldest)
{
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;
	uint32_t oldest_age = 0;
	size_t count = 0;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		uint32_t age;

		if (!flow_is_cookie_name(name, a->settings->cookie_name, &id))
			continue;
		age = age_of_flow(a, id);
		if (age >= below)
			continue;
		if (count++ == 0 || age > oldest_age) {
			oldest_age = age;
			*oldest = id;
		}
	}
	return count;
}

/* Makes room for one more flow cookie, as far as one answer can. */
static void
expire_surplus_flows(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	uint64_t below = UINT64_MAX;
	struct str oldest = STR_NONE;

	while (v->set_cookies_count < AUTH_SET_COOKIES_MAX - 1 &&
	       find_oldest_flow(a, facts, below, &oldest) >= FLOW_ALIVE_MAX) {
		clear_flow_cookie(a, oldest, v);
		below = age_of_flow(a, oldest);
	}
}

static bool
add_flow_cookie(struct auth *a, const struct flow *f, struct auth_verdict *v, struct err *e)
{
	struct buf name;
	struct buf text;
	bool ok;

	buf_init(&name, 256);
	buf_init(&text, COOKIE_TEXT_MAX);
	ok = flow_cookie_name(&name, a->settings->cookie_name,
			      str_take(str_from(f->state), FLOW_ID_LEN)) &&
	     flow_seal(f, &a->cookies, buf_view(&name), &text, e);
	if (ok)
		verdict_add_cookie(v, cookie_format(&a->cookies, &v->arena, buf_view(&name),
						    buf_view(&text), FLOW_AGE_MAX_MS / 1000));
	buf_fini(&text);
	buf_fini(&name);
	return ok;
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
		login_count(a, AUTH_LOGIN_LOOP);
		verdict_problem(v, AUTH_PROBLEM_LOGIN_LOOP,
				"Signing in was tried several times without success.");
		v->location = start_url_for(a, r.target, &v->arena);
		return;
	}
	gitlab_metrics(a->gitlab)->logins_started++;
	flow_init(&flow, next_flow_id(a), r.number, r.first_ms, r.target);
	verdict_redirect(v, 302,
			 a->relay_start_url == NULL ? authorize_location(a, &flow, &v->arena)
						    : relay_location(a, &flow, &v->arena));
	if (facts != NULL)
		expire_surplus_flows(a, facts, v);
	if (!add_flow_cookie(a, &flow, v, &e)) {
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

/* The flow whose cookie this browser sent and whose state this is. */
static bool
find_flow(struct auth *a, const struct auth_facts *facts, struct callback *c)
{
	struct str state = buf_view(&c->state);
	unsigned opens_left = OPENS_MAX;
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;

	cookie_scan_init(&scan, facts);
	while (opens_left > 0 && cookie_scan_next(&scan, &name, &value)) {
		if (!flow_is_cookie_name(name, a->settings->cookie_name, &id) ||
		    !str_equal(id, c->parts.id))
			continue;
		opens_left--;
		if (flow_open(&c->flow, &a->cookies, name, value) &&
		    crypto_equal(str_from(c->flow.state), state))
			return true;
		flow_wipe(&c->flow);
	}
	return false;
}

/* A callback that belongs to no flow we can go on with. */
static void
recover(struct auth *a, const struct auth_facts *facts, const struct callback *c,
	struct auth_verdict *v)
{
	struct login_round round = {
		.target = c->flow.target[0] == '\0' ? STR("/") : str_from(c->flow.target),
		.number = c->parts.round + 1,
		.first_ms = c->parts.first_ms,
	};
	struct auth_session *s = session_find(a->store, facts);

	if (c->flow.target[0] != '\0')
		clear_flow_cookie(a, c->parts.id, v);
	if (s != NULL && !session_wants_login(s)) {
		verdict_redirect(v, 302, arena_dup(&v->arena, round.target));
		return;
	}
	login_count(a, AUTH_LOGIN_RESTARTED);
	log_info(facts->log, "login restarted", log_str("flow", c->parts.id),
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

static bool
flow_is_current(const struct flow *f)
{
	int64_t age_ms = clock_wall_ms() - f->started_ms;

	return age_ms > -CLOCK_SKEW_MS && age_ms < FLOW_AGE_MAX_MS;
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
	if (!find_flow(a, facts, c) || !flow_is_current(&c->flow) ||
	    !flow_ring_take(&a->used_flows, &c->parts)) {
		recover(a, facts, c, v);
		return NULL;
	}
	clear_flow_cookie(a, c->parts.id, v);
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
