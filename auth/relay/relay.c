/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects from a sidecar to GitLab and back, without state in the process.
 *
 * The state parameter given to GitLab is sealed and contains everything needed for the callback; a
 * cookie of the relay's own, sealed for that state, binds it to the browser. GitLab's response is
 * passed on only in that browser; a callback opened in any other browser (login CSRF) gets an error
 * page. Redirect addresses are built from parts that were checked one by one.
 */
#include "auth/relay/relay.h"

#include <stdlib.h>

#include "auth/cookie/flow_jar.h"
#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/gitlab/authorize_url.h"
#include "auth/gitlab/gitlab_scope.h"
#include "auth/relay/relay_state.h"
#include "base/clock.h"

#define COOKIE_PREFIX	"__Host-workspace-relay-"
#define FLOWS_ALIVE_MAX 5u /* maximum number of cookies in one browser */
#define CODE_MAX_BYTES	512u
#define ERROR_MAX_BYTES 64u
#define RELAY_ARENA_MAX 16384u
#define LOCATION_MAX	URL_MAX_BYTES

struct relay {
	const struct relay_settings *settings;
	struct arena arena;
	struct cookie_box box;
	const char *origin;
	struct str authority; /* our own host, which no workspace may have */
	const char *redirect_uri;
	const char *authorize_url;
};

static bool
build_parts(struct relay *r, struct err *e)
{
	const struct relay_settings *s = r->settings;
	const char *gitlab = url_origin(&s->gitlab_url, &r->arena);
	const char *origin = url_origin(&s->url, &r->arena);

	if (gitlab == NULL || origin == NULL)
		return err_set(e, ERR_MEMORY, "addresses");
	r->origin = origin;
	r->authority = str_skip(str_from(origin), s->url.scheme.len + strlen("://"));
	r->redirect_uri = arena_printf(&r->arena, "%s%.*s/callback", origin, STR_FMT(s->url.path));
	r->authorize_url = arena_printf(&r->arena, "%s%.*s/oauth/authorize", gitlab,
					STR_FMT(s->gitlab_url.path));
	if (r->redirect_uri == NULL || r->authorize_url == NULL)
		return err_set(e, ERR_MEMORY, "addresses");
	return cookie_box_init(&r->box, &s->master_keys, str_from(r->redirect_uri), e);
}

struct relay *
relay_new(const struct relay_settings *settings, struct err *e)
{
	struct relay *r = err_alloc(e, sizeof(*r), "relay");

	if (r == NULL)
		return NULL;
	r->settings = settings;
	arena_init(&r->arena, RELAY_ARENA_MAX);
	if (!build_parts(r, e)) {
		err_wrap(e, "relay");
		relay_free(r);
		return NULL;
	}
	return r;
}

bool
relay_replace_keys(struct relay *r, const struct auth_keys *keys, struct err *e)
{
	struct cookie_box box;

	if (!cookie_box_init(&box, keys, str_from(r->redirect_uri), e))
		return false;
	cookie_box_fini(&r->box);
	r->box = box;
	return true;
}

const char *
relay_redirect_uri(const struct relay *r)
{
	return r->redirect_uri;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	cookie_box_fini(&r->box);
	arena_fini(&r->arena);
	free(r);
}

/* Cookies */

static struct flow_jar
jar_of(const struct relay *r)
{
	return (struct flow_jar){
		.box = &r->box,
		.prefix = STR(COOKIE_PREFIX),
		.id_len = RELAY_ID_LEN,
		.alive_max = FLOWS_ALIVE_MAX,
	};
}

static void
clear_cookie(const struct relay *r, struct str id, struct auth_verdict *v)
{
	const struct flow_jar jar = jar_of(r);

	flow_jar_clear(&jar, id, v);
}

/* Binds the state to this browser; removes the oldest flows to make room. */
static bool
add_cookie(const struct relay *r, const struct auth_facts *facts, struct str id, struct str state,
	   struct auth_verdict *v, struct err *e)
{
	const struct flow_jar jar = jar_of(r);
	struct buf name;
	struct buf text;
	bool ok;

	buf_init(&name, FLOW_JAR_NAME_MAX);
	buf_init(&text, COOKIE_TEXT_MAX);
	ok = flow_jar_name(&jar, id, &name) || err_set(e, ERR_MEMORY, "cookie");
	ok = ok && relay_cookie_seal(&r->box, buf_view(&name), state, &text, e);
	if (ok) {
		flow_jar_make_room(&jar, facts, v);
		flow_jar_set(&jar, buf_view(&name), buf_view(&text), RELAY_AGE_MAX_MS / 1000, v);
	}
	buf_fini(&text);
	buf_fini(&name);
	return ok;
}

/* Whether this browser has started the flow of this state. */
static bool
is_same_browser(const struct relay *r, const struct auth_facts *facts, struct str id,
		struct str state)
{
	const struct flow_jar jar = jar_of(r);
	struct flow_jar_search search;
	struct str name;
	struct str value;

	flow_jar_search_init(&search, &jar, facts, id);
	while (flow_jar_search_next(&search, &name, &value)) {
		if (relay_cookie_matches(&r->box, name, value, state))
			return true;
	}
	return false;
}

/* Start */

static void
refuse_login(const struct auth_facts *facts, struct auth_verdict *v, enum auth_problem problem,
	     const char *detail, struct str workspace)
{
	log_warn(facts->log, "login refused by the relay", log_cstr("reason", detail),
		 log_str("workspace", workspace));
	verdict_problem(v, problem, detail);
}

static bool
is_within_scope(struct str asked, struct str allowed)
{
	struct str part;

	while (str_next(&asked, ' ', &part)) {
		if (!gitlab_has_scope(allowed, part))
			return false;
	}
	return true;
}

static const char *
authorize_location(const struct relay *r, const struct relay_request *q, struct str state,
		   struct auth_verdict *v)
{
	const struct authorize_request request = {
		.endpoint = str_from(r->authorize_url),
		.client_id = str_from(r->settings->client_id),
		.redirect_uri = str_from(r->redirect_uri),
		.scope = q->scope,
		.state = state,
		.nonce = q->nonce,
		.challenge = q->challenge,
	};

	return authorize_url_format(&request, &v->arena);
}

static void
redirect_to_gitlab(const struct relay *r, const struct auth_facts *facts,
		   const struct relay_request *q, struct auth_verdict *v)
{
	char id[RELAY_ID_LEN + 1];
	struct err e = ERR_INIT;
	struct buf state;
	struct relay_return ret = {
		.authority = q->authority,
		.prefix = q->prefix,
		.state = q->state,
		.started_ms = clock_wall_ms(),
	};

	relay_generate_id(id);
	ret.id = str_from(id);
	buf_init(&state, COOKIE_TEXT_MAX);
	if (relay_return_seal(&ret, &r->box, &state, &e))
		verdict_redirect(v, 302, authorize_location(r, q, buf_view(&state), v));
	if (e.code != ERR_NONE || !add_cookie(r, facts, ret.id, buf_view(&state), v, &e)) {
		log_error(facts->log, "login not started", log_err(&e));
		verdict_unavailable(v, 0, "A login could not be started.");
	} else {
		log_info(facts->log, "login redirected to GitLab", log_cstr("flow", id),
			 log_str("workspace", q->authority));
	}
	buf_fini(&state);
}

static void
judge_request(const struct relay *r, const struct auth_facts *facts, const struct relay_request *q,
	      enum relay_result result, struct auth_verdict *v)
{
	switch (result) {
	case RELAY_VALID:
		break;
	case RELAY_MALFORMED:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_REQUEST,
			     "The workspace's request is malformed.", STR_NONE);
		return;
	case RELAY_OUTSIDE_ZONES:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
			     "It names a host that is not in any of our zones.", q->authority);
		return;
	case RELAY_FORGED:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
			     "It is not signed with that workspace's key.", q->authority);
		return;
	case RELAY_STALE:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_STALE,
			     "The workspace's request is too old.", q->authority);
		v->location = arena_printf(&v->arena, "https://%.*s/", STR_FMT(q->authority));
		return;
	}
	if (str_equal(q->authority, r->authority))
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE, "It names the relay itself.",
			     q->authority);
	else if (!is_within_scope(q->scope, str_from(r->settings->scope)))
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
			     "It asks for more than the relay's own scope.", q->authority);
	else
		redirect_to_gitlab(r, facts, q, v);
}

static void
answer_start(const struct relay *r, const struct auth_facts *facts, struct auth_verdict *v)
{
	const char *detail = NULL;
	struct relay_request q;
	struct buf text;
	struct buf memory;

	buf_init(&text, RELAY_REQUEST_MAX);
	buf_init(&memory, RELAY_REQUEST_MAX);
	if (auth_is_cross_site_subrequest(facts)) {
		verdict_problem(v, AUTH_PROBLEM_CROSS_SITE, NULL);
	} else if (!facts_parameter(facts, STR("request"), &text, &detail)) {
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_REQUEST, detail, STR_NONE);
	} else if (text.len == 0) {
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_REQUEST,
			     "The parameter \"request\" is missing.", STR_NONE);
	} else {
		enum relay_result result = relay_request_read(&q, buf_view(&text), r->settings,
							      clock_wall_ms(), &memory);

		judge_request(r, facts, &q, result, v);
	}
	buf_fini(&memory);
	buf_fini(&text);
}

/* Callback */

/* GitLab's authorization response, decoded. */
struct relay_response {
	struct buf state;
	struct buf code;
	struct buf error;
};

/* Returns a known error of RFC 6749 section 4.1.2.1 or OpenID Connect Core 3.1.2.6. Sidecars can't
 * handle others, which become "invalid_request". */
static struct str
known_error(struct str error)
{
	static const char *const known[] = {
		"access_denied",	   "invalid_request",	       "unauthorized_client",
		"invalid_scope",	   "invalid_client",	       "server_error",
		"temporarily_unavailable", "login_required",	       "consent_required",
		"interaction_required",	   "unsupported_response_type"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (str_equal(error, str_from(known[i])))
			return str_from(known[i]);
	}
	return STR("invalid_request");
}

/* Sends the code or a known error on to the workspace. */
static void
redirect_to_workspace(const struct relay_return *ret, const struct relay_response *a,
		      struct auth_verdict *v)
{
	const char *location = NULL;
	struct buf url;

	buf_init(&url, LOCATION_MAX);
	buf_addf(&url, "https://%.*s%.*s/callback?", STR_FMT(ret->authority), STR_FMT(ret->prefix));
	buf_add_str(&url, a->code.len > 0 ? STR("code=") : STR("error="));
	url_encode(&url, a->code.len > 0 ? buf_view(&a->code) : known_error(buf_view(&a->error)));
	buf_add_str(&url, STR("&state="));
	if (url_encode(&url, ret->state))
		location = arena_dup(&v->arena, buf_view(&url));
	buf_wipe_fini(&url);
	verdict_redirect(v, 302, location);
}

static void
judge_return(const struct relay *r, const struct auth_facts *facts, const struct relay_return *ret,
	     const struct relay_response *a, enum relay_result result, struct auth_verdict *v)
{
	switch (result) {
	case RELAY_FORGED:
	case RELAY_MALFORMED:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_REQUEST,
			     "The parameter \"state\" is not ours.", STR_NONE);
		return;
	case RELAY_OUTSIDE_ZONES:
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
			     "It names a host that is not in any of our zones.", ret->authority);
		return;
	case RELAY_VALID:
	case RELAY_STALE:
		break;
	}
	v->location = arena_printf(&v->arena, "https://%.*s/", STR_FMT(ret->authority));
	/* Check this first: the cookie of a stale flow has expired too, but staleness explains
	 * more. */
	if (result == RELAY_STALE) {
		clear_cookie(r, ret->id, v);
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_STALE,
			     "It began more than ten minutes ago.", ret->authority);
		return;
	}
	if (!is_same_browser(r, facts, ret->id, buf_view(&a->state))) {
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_FOREIGN,
			     "This browser has no cookie of that sign-in.", ret->authority);
		return;
	}
	clear_cookie(r, ret->id, v);
	log_info(facts->log, "login redirected to the workspace", log_str("flow", ret->id),
		 log_str("workspace", ret->authority), log_bool("code", a->code.len > 0));
	redirect_to_workspace(ret, a, v);
}

static void
answer_callback(const struct relay *r, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct relay_return ret;
	struct relay_response a;
	struct buf memory;
	const char *detail;

	buf_init(&a.state, COOKIE_TEXT_MAX);
	buf_init(&a.code, CODE_MAX_BYTES);
	buf_init(&a.error, ERROR_MAX_BYTES);
	buf_init(&memory, RELAY_REQUEST_MAX);
	detail = facts_read_answer(facts, &a.state, &a.code, &a.error);
	if (detail != NULL) {
		refuse_login(facts, v, AUTH_PROBLEM_RELAY_REQUEST, detail, STR_NONE);
	} else {
		enum relay_result result = relay_return_open(&ret, buf_view(&a.state), &r->box,
							     r->settings, clock_wall_ms(), &memory);

		judge_return(r, facts, &ret, &a, result, v);
	}
	buf_fini(&memory);
	buf_fini(&a.error);
	buf_wipe_fini(&a.code);
	buf_fini(&a.state);
}

void
relay_answer(const struct relay *r, enum relay_endpoint endpoint, const struct auth_facts *facts,
	     struct auth_verdict *v)
{
	if (!facts_is_get(facts)) {
		verdict_problem(v, AUTH_PROBLEM_METHOD, NULL);
		v->allow = "GET, HEAD";
		return;
	}
	switch (endpoint) {
	case RELAY_START:
		answer_start(r, facts, v);
		return;
	case RELAY_CALLBACK:
		answer_callback(r, facts, v);
		return;
	case RELAY_LANDING:
		break;
	}
	v->action = AUTH_RELAY_PAGE;
	v->status = 200;
}
