/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints start, sign-in, sign-out, auth (for nginx's auth_request) and userinfo.
 *
 * Starting a login only sets a cookie, and signs in the user who is signed in to GitLab in this
 * browser. So links from any site may lead to it, but not frames, images and scripts of other
 * sites. Signing out needs a POST from our own page.
 */
#include "auth/endpoints.h"

#include "auth/gate/facts.h"
#include "auth/gate/gate.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/login_start.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_history.h"
#include "auth/session/session_identity.h"
#include "auth/share/port_shares.h"
#include "auth/urls.h"
#include "base/json.h"

#define JSON_ANSWER_MAX 4096u

/* Reads the parameters. False: they are malformed, and the verdict says so. */
static bool
read_target(struct auth *a, const struct auth_facts *facts, char target[FLOW_TARGET_MAX + 1],
	    struct auth_verdict *v)
{
	const char *detail;

	if (login_start_read_target(a, facts, target, &detail))
		return true;
	verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, detail);
	return false;
}

void
endpoint_start(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	char target[FLOW_TARGET_MAX + 1];

	if (auth_is_cross_site_subrequest(facts)) {
		verdict_refuse(a, v, AUTH_PROBLEM_CROSS_SITE, NULL);
		return;
	}
	/* The user signs in again on purpose, so this is no login loop. */
	(void)session_find(a->store, facts);
	if (read_target(a, facts, target, v))
		login_start(
			a, facts,
			&(struct login_round){.target = str_from(target), .client = facts->client},
			v);
}

static void
show_page(struct auth *a, const struct auth_facts *facts, enum auth_action page,
	  struct auth_verdict *v)
{
	struct auth_session *s = session_find(a->store, facts);

	v->action = page;
	v->status = 200;
	v->gitlab_url = a->gitlab_url;
	if (s != NULL) {
		verdict_set_identity(v, s);
		v->is_guest = session_is_guest(s);
	}
}

static bool
has_parameter(const struct auth_facts *facts, struct str name)
{
	struct str value;

	return url_query_find(facts_query(facts), name, &value) > 0;
}

/* Shown after a login whose target is unknown: see auth_private.h. */
static void
explain_lost_target(struct auth_verdict *v)
{
	v->action = AUTH_TARGET_LOST_PAGE;
	v->location = "/";
}

void
endpoint_sign_in(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	char target[FLOW_TARGET_MAX + 1];

	if (!read_target(a, facts, target, v))
		return;
	show_page(a, facts,
		  has_parameter(facts, STR("signed_out")) ? AUTH_SIGNED_OUT_PAGE
							  : AUTH_SIGN_IN_PAGE,
		  v);
	v->location = login_start_url(a, str_from(target), facts->client, &v->arena);
	if (has_parameter(facts, STR("lost")) && !str_is_empty(v->identity.username))
		explain_lost_target(v);
}

/* Whether the user pressed "sign out everywhere". */
static bool
wants_all(const struct auth_facts *facts)
{
	struct str value;

	return url_query_find(facts->body, STR("all"), &value) == 1 && str_equal(value, STR("1"));
}

void
endpoint_sign_out(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct auth_session *s;

	if (facts_is_get(facts)) {
		show_page(a, facts, AUTH_SIGN_OUT_PAGE, v);
		v->location = a->start_url;
		return;
	}
	if (!auth_is_same_origin(a, facts)) {
		log_warn(facts->log, "cross-site sign-out refused");
		verdict_refuse(a, v, AUTH_PROBLEM_CROSS_SITE, NULL);
		return;
	}
	if (wants_all(facts) && (s = session_find(a->store, facts)) != NULL)
		session_end_all_of_user(a->store, s);
	while ((s = session_find(a->store, facts)) != NULL)
		session_end(s, AUTH_END_SIGNED_OUT);
	verdict_redirect(v, 303, arena_printf(&v->arena, "%s?signed_out=1", a->sign_in_url));
	verdict_add_cookie(v, cookie_format(&a->cookies, &v->arena,
					    str_from(a->settings->cookie_name), STR_NONE, 0));
	if (facts->port == 0)
		verdict_add_cookie(v, session_history_clear(a->store, &v->arena));
}

static void
reply_accepted(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	(void)a;
	verdict_reply(v, 202, STR_NONE);
	verdict_set_identity(v, s);
}

static void
reply_unauthorized(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	(void)facts;
	verdict_reply(v, 401, STR_NONE);
	v->location = a->start_url;
}

struct auth_call *
endpoint_auth(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	      auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = reply_accepted,
			       .on_no_session = reply_unauthorized,
			       .done = done,
			       .arg = arg,
			       .admits_guests = true};

	if (facts->port != 0 && port_shares_find_public(a->shares, facts->port) != NULL) {
		verdict_reply(v, 202, STR_NONE);
		return NULL;
	}
	return gate_enter(a, &g, facts, v);
}

static void
reply_userinfo(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	struct auth_identity who = session_identity(s);
	struct json_writer w;
	struct buf json;

	(void)a;
	buf_init(&json, JSON_ANSWER_MAX);
	json_write_begin_object(&w, &json);
	json_write_str(&w, "user", who.username);
	json_write_str(&w, "email", who.email);
	json_write_str(&w, "preferredUsername", who.username);
	json_write_str(&w, "name", who.name);
	json_write_str(&w, "userId", who.user_id);
	verdict_reply_object(v, &w);
	buf_fini(&json);
	if (v->action == AUTH_REPLY)
		verdict_set_identity(v, s);
}

struct auth_call *
endpoint_userinfo(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
		  auth_done_fn *done, void *arg)
{
	const struct gate g = {.on_allowed = reply_userinfo,
			       .on_no_session = gate_refuse,
			       .done = done,
			       .arg = arg,
			       .admits_guests = true};

	return gate_enter(a, &g, facts, v);
}
