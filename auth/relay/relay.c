/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sidecar to GitLab and back, without a memory between the two.
 *
 * The state that GitLab is given holds all that the way back needs, sealed; a cookie of the
 * relay's own, sealed for that very state, ties it to the browser that passed the start. So what
 * GitLab answers is passed on only there, and a callback that somebody else was lured into ends
 * with an explanation. Where browsers are sent is built from parts that were checked one by one.
 */
#include "auth/relay/relay.h"

#include <stdlib.h>

#include "auth/auth_private.h"
#include "auth/relay/relay_state.h"
#include "base/clock.h"

#define COOKIE_PREFIX	"__Host-workspace-relay-"
#define COOKIE_NAME_MAX (sizeof(COOKIE_PREFIX) + RELAY_ID_LEN)
#define FLOWS_ALIVE_MAX 5u /* cookies that one browser keeps */
#define OPENS_MAX	4u /* cookies of one name that are tried */
#define CODE_MAX_BYTES	512u
#define ERROR_MAX_BYTES 64u
#define RELAY_ARENA_MAX 16384u
#define LOCATION_MAX	URL_MAX_BYTES

struct relay {
	const struct relay_settings *settings;
	struct arena arena;
	struct cookie_box box;
	const char *origin;
	struct str authority; /* our own: no workspace */
	const char *redirect_uri;
	const char *authorize_url;
};

static bool
build(struct relay *r, struct err *e)
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
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(e, ERR_MEMORY, "relay");
		return NULL;
	}
	r->settings = settings;
	arena_init(&r->arena, RELAY_ARENA_MAX);
	if (!build(r, e)) {
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

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	cookie_box_fini(&r->box);
	arena_fini(&r->arena);
	free(r);
}

/* Cookies: one for each login under way, the oldest ones make room */

static bool
is_flow_cookie(struct str name, struct str *id)
{
	if (!str_starts_with(name, STR(COOKIE_PREFIX)))
		return false;
	*id = str_skip(name, strlen(COOKIE_PREFIX));
	return relay_is_id(*id);
}

static bool
cookie_name(struct buf *out, struct str id)
{
	buf_init(out, COOKIE_NAME_MAX);
	buf_add_str(out, STR(COOKIE_PREFIX));
	return buf_add_str(out, id);
}

static void
clear_cookie(const struct relay *r, struct str id, struct auth_verdict *v)
{
	struct buf name;

	if (cookie_name(&name, id))
		verdict_add_cookie(v,
				   cookie_format(&r->box, &v->arena, buf_view(&name), STR_NONE, 0));
	buf_fini(&name);
}

static int
compare_ids(struct str a, struct str b)
{
	return memcmp(a.data, b.data, RELAY_ID_LEN);
}

/* The oldest of the browser's flows that is younger than `after` (empty: of all); counts those. */
static size_t
find_oldest(const struct auth_facts *facts, struct str after, struct str *oldest)
{
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;
	size_t count = 0;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		if (!is_flow_cookie(name, &id) || (after.len > 0 && compare_ids(id, after) <= 0))
			continue;
		if (count++ == 0 || compare_ids(id, *oldest) < 0)
			*oldest = id;
	}
	return count;
}

static void
make_room(const struct relay *r, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct str after = STR_NONE;
	struct str oldest = STR_NONE;

	while (v->set_cookies_count < AUTH_SET_COOKIES_MAX - 1 &&
	       find_oldest(facts, after, &oldest) >= FLOWS_ALIVE_MAX) {
		clear_cookie(r, oldest, v);
		after = oldest;
	}
}

static bool
add_cookie(const struct relay *r, struct str id, struct str state, struct auth_verdict *v,
	   struct err *e)
{
	struct buf name;
	struct buf text;
	bool ok;

	buf_init(&text, COOKIE_TEXT_MAX);
	ok = cookie_name(&name, id) || err_set(e, ERR_MEMORY, "cookie");
	ok = ok && relay_cookie_seal(&r->box, buf_view(&name), state, &text, e);
	if (ok)
		verdict_add_cookie(v, cookie_format(&r->box, &v->arena, buf_view(&name),
						    buf_view(&text), RELAY_AGE_MAX_MS / 1000));
	buf_fini(&text);
	buf_fini(&name);
	return ok;
}

/* Whether this browser is the one that started the flow of this state. */
static bool
is_same_browser(const struct relay *r, const struct auth_facts *facts, struct str wanted_id,
		struct str state)
{
	unsigned opens_left = OPENS_MAX;
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;

	cookie_scan_init(&scan, facts);
	while (opens_left > 0 && cookie_scan_next(&scan, &name, &value)) {
		if (!is_flow_cookie(name, &id) || !str_equal(id, wanted_id))
			continue;
		opens_left--;
		if (relay_cookie_fits(&r->box, name, value, state))
			return true;
	}
	return false;
}

/* Start */

static void
refuse(const struct auth_facts *facts, struct auth_verdict *v, enum auth_problem problem,
       const char *detail, struct str workspace)
{
	log_warn(facts->log, "relay refuses", log_cstr("reason", detail),
		 log_str("workspace", workspace));
	verdict_problem(v, problem, detail);
}

static bool
names_word(struct str words, struct str wanted)
{
	struct str part;

	while (str_next(&words, ' ', &part)) {
		if (str_equal(part, wanted))
			return true;
	}
	return false;
}

static bool
is_within_scope(struct str asked, struct str allowed)
{
	struct str part;

	while (str_next(&asked, ' ', &part)) {
		if (!names_word(allowed, part))
			return false;
	}
	return true;
}

static void
add_parameter(struct buf *url, const char *name, struct str value)
{
	buf_add_str(url, str_from(name));
	(void)url_encode(url, value);
}

static const char *
keep_location(struct buf *url, struct auth_verdict *v)
{
	const char *location = buf_is_ok(url) ? arena_dup(&v->arena, buf_view(url)) : NULL;

	buf_wipe_fini(url);
	return location;
}

static const char *
authorize_location(const struct relay *r, const struct relay_request *q, struct str state,
		   struct auth_verdict *v)
{
	struct buf url;

	buf_init(&url, LOCATION_MAX);
	buf_add_str(&url, str_from(r->authorize_url));
	add_parameter(&url, "?response_type=code&client_id=", str_from(r->settings->client_id));
	add_parameter(&url, "&redirect_uri=", str_from(r->redirect_uri));
	add_parameter(&url, "&scope=", q->scope);
	add_parameter(&url, "&state=", state);
	add_parameter(&url, "&nonce=", q->nonce);
	add_parameter(&url, "&code_challenge_method=S256&code_challenge=", q->challenge);
	return keep_location(&url, v);
}

static void
go_to_gitlab(const struct relay *r, const struct auth_facts *facts, const struct relay_request *q,
	     struct auth_verdict *v)
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

	relay_draw_id(id);
	ret.id = str_from(id);
	buf_init(&state, COOKIE_TEXT_MAX);
	if (relay_return_seal(&ret, &r->box, &state, &e)) {
		verdict_redirect(v, 302, authorize_location(r, q, buf_view(&state), v));
		make_room(r, facts, v);
	}
	if (e.code != ERR_NONE || !add_cookie(r, ret.id, buf_view(&state), v, &e)) {
		log_error(facts->log, "login not passed on", log_err(&e));
		verdict_unavailable(v, 0, "A login could not be started.");
	} else {
		log_info(facts->log, "login goes to GitLab", log_cstr("flow", id),
			 log_str("workspace", q->authority));
	}
	buf_fini(&state);
}

static void
judge_request(const struct relay *r, const struct auth_facts *facts, const struct relay_request *q,
	      enum relay_finding finding, struct auth_verdict *v)
{
	switch (finding) {
	case RELAY_GOOD:
		break;
	case RELAY_MALFORMED:
		refuse(facts, v, AUTH_PROBLEM_RELAY_REQUEST,
		       "The workspace's request is malformed.", STR_NONE);
		return;
	case RELAY_OUTSIDE:
		refuse(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
		       "It names a host that is not in any of our zones.", q->authority);
		return;
	case RELAY_FORGED:
		refuse(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
		       "It is not signed with that workspace's key.", q->authority);
		return;
	case RELAY_STALE:
		refuse(facts, v, AUTH_PROBLEM_RELAY_STALE, "The workspace's request is too old.",
		       q->authority);
		v->location = arena_printf(&v->arena, "https://%.*s/", STR_FMT(q->authority));
		return;
	}
	if (str_equal(q->authority, r->authority))
		refuse(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE, "It names the relay itself.",
		       q->authority);
	else if (!is_within_scope(q->scope, str_from(r->settings->scope)))
		refuse(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
		       "It asks for more than the relay's own scope.", q->authority);
	else
		go_to_gitlab(r, facts, q, v);
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
	if (facts_is_cross_site_subrequest(facts)) {
		verdict_problem(v, AUTH_PROBLEM_CROSS_SITE, NULL);
	} else if (!facts_parameter(facts, STR("request"), &text, &detail)) {
		refuse(facts, v, AUTH_PROBLEM_RELAY_REQUEST, detail, STR_NONE);
	} else if (text.len == 0) {
		refuse(facts, v, AUTH_PROBLEM_RELAY_REQUEST,
		       "The parameter \"request\" is missing.", STR_NONE);
	} else {
		enum relay_finding finding = relay_request_read(&q, buf_view(&text), r->settings,
								clock_wall_ms(), &memory);

		judge_request(r, facts, &q, finding, v);
	}
	buf_fini(&memory);
	buf_fini(&text);
}

/* Callback */

struct answer { /* GitLab's, decoded */
	struct buf state;
	struct buf code;
	struct buf error;
};

/* RFC 6749 section 4.1.2.1 and OpenID Connect Core 3.1.2.6; what else there may be says nothing
 * that a sidecar could act on. */
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

static void
go_to_workspace(const struct relay_return *ret, const struct answer *a, struct auth_verdict *v)
{
	struct buf url;

	buf_init(&url, LOCATION_MAX);
	buf_addf(&url, "https://%.*s%.*s/callback", STR_FMT(ret->authority), STR_FMT(ret->prefix));
	if (a->code.len > 0)
		add_parameter(&url, "?code=", buf_view(&a->code));
	else
		add_parameter(&url, "?error=", known_error(buf_view(&a->error)));
	add_parameter(&url, "&state=", ret->state);
	verdict_redirect(v, 302, keep_location(&url, v));
}

static void
judge_return(const struct relay *r, const struct auth_facts *facts, const struct relay_return *ret,
	     const struct answer *a, enum relay_finding finding, struct auth_verdict *v)
{
	switch (finding) {
	case RELAY_FORGED:
	case RELAY_MALFORMED:
		refuse(facts, v, AUTH_PROBLEM_RELAY_REQUEST, "The parameter \"state\" is not ours.",
		       STR_NONE);
		return;
	case RELAY_OUTSIDE:
		refuse(facts, v, AUTH_PROBLEM_RELAY_WORKSPACE,
		       "It names a host that is not in any of our zones.", ret->authority);
		return;
	case RELAY_GOOD:
	case RELAY_STALE:
		break;
	}
	v->location = arena_printf(&v->arena, "https://%.*s/", STR_FMT(ret->authority));
	/* First, as the cookie of a stale flow is gone as well, and this says more about it. */
	if (finding == RELAY_STALE) {
		clear_cookie(r, ret->id, v);
		refuse(facts, v, AUTH_PROBLEM_RELAY_STALE, "It began more than ten minutes ago.",
		       ret->authority);
		return;
	}
	if (!is_same_browser(r, facts, ret->id, buf_view(&a->state))) {
		refuse(facts, v, AUTH_PROBLEM_RELAY_FOREIGN,
		       "This browser has no cookie of that sign-in.", ret->authority);
		return;
	}
	clear_cookie(r, ret->id, v);
	log_info(facts->log, "login goes to the workspace", log_str("flow", ret->id),
		 log_str("workspace", ret->authority), log_bool("code", a->code.len > 0));
	go_to_workspace(ret, a, v);
}

static void
answer_callback(const struct relay *r, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct relay_return ret;
	struct answer a;
	struct buf memory;
	const char *detail;

	buf_init(&a.state, COOKIE_TEXT_MAX);
	buf_init(&a.code, CODE_MAX_BYTES);
	buf_init(&a.error, ERROR_MAX_BYTES);
	buf_init(&memory, RELAY_REQUEST_MAX);
	detail = facts_read_answer(facts, &a.state, &a.code, &a.error);
	if (detail != NULL) {
		refuse(facts, v, AUTH_PROBLEM_RELAY_REQUEST, detail, STR_NONE);
	} else {
		enum relay_finding finding = relay_return_open(
			&ret, buf_view(&a.state), &r->box, r->settings, clock_wall_ms(), &memory);

		judge_return(r, facts, &ret, &a, finding, v);
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
