/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses the body first: the check of the session may wait for GitLab, and the request is not kept
 * that long. Navigations (forms without script) return to the status page.
 */
#include "auth/share/share_endpoint.h"

#include "auth/gate/facts.h"
#include "auth/gate/gate.h"
#include "auth/gate/verdict_fill.h"
#include "auth/session/session_cookie.h"
#include "auth/session/session_identity.h"
#include "auth/share/port_shares.h"
#include "auth/share/share_request.h"
#include "auth/urls.h"
#include "base/clock.h"
#include "base/json.h"

#define JSON_MAX 4096u

struct share_request {
	struct port_share_terms terms;
	bool is_navigation;
};

static void
refuse(struct auth_verdict *v, const char *detail)
{
	verdict_problem(v, AUTH_PROBLEM_SHARE, detail);
}

static void
reply_json(struct auth *a, struct auth_verdict *v)
{
	const struct port_share_terms *terms = &v->share_request->terms;
	const struct port_share *p = port_shares_find(a->shares, terms->port);
	enum auth_audience audience = p == NULL ? AUTH_AUDIENCE_OWNER : p->terms.audience;
	char until[CLOCK_RFC3339_SIZE];
	struct json_writer w;
	struct buf json;

	buf_init(&json, JSON_MAX);
	json_write_begin_object(&w, &json);
	json_write_int(&w, "port", terms->port);
	json_write_str(&w, "audience", str_from(auth_audience_name(audience)));
	if (p != NULL && p->terms.until_ms != 0) {
		clock_format_rfc3339(p->terms.until_ms, until, sizeof(until));
		json_write_str(&w, "until", str_from(until));
	}
	verdict_reply_object(v, &w);
	buf_fini(&json);
}

static void
pass(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	const struct share_request *q = v->share_request;
	struct auth_identity who = session_identity(s);
	const char *refusal;
	uint64_t id;

	verdict_set_identity(v, s);
	if (str_is_empty(session_cookie(s))) { /* of an API token */
		refuse(v, "API tokens can't share ports.");
		return;
	}
	if (!str_to_u64(who.user_id, 1, INT64_MAX, &id))
		id = 0;
	refusal = port_shares_set(a->shares, &q->terms, id, who.username.data);
	if (refusal != NULL)
		refuse(v, refusal);
	else if (q->is_navigation)
		verdict_redirect(
			v, 303, arena_printf(&v->arena, "%s/workspace#ports", a->settings->prefix));
	else
		reply_json(a, v);
}

static bool
is_json(const struct auth_facts *facts)
{
	struct str type;

	return facts_header(facts, STR("content-type"), &type) == 1 &&
	       str_equal_nocase(str_trim(str_take(type, str_find_byte(type, ';'))),
				STR("application/json"));
}

struct auth_call *
share_endpoint(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	       auth_done_fn *done, void *arg)
{
	const struct gate g = {
		.on_allowed = pass, .on_no_session = gate_refuse, .done = done, .arg = arg};
	struct share_request *q;
	const char *detail;

	if (!auth_is_same_origin(a, facts)) {
		log_warn(facts->log, "cross-site request to share a port refused");
		verdict_problem(v, AUTH_PROBLEM_CROSS_SITE, NULL);
		return NULL;
	}
	q = a->shares == NULL ? NULL : arena_alloc(&v->arena, sizeof(*q));
	if (q == NULL) {
		verdict_unavailable(v, 0, NULL);
		return NULL;
	}
	detail = share_request_read(facts->body, is_json(facts), &q->terms, &v->arena);
	if (detail != NULL) {
		refuse(v, detail);
		return NULL;
	}
	q->is_navigation = facts_header_is(facts, STR("sec-fetch-dest"), STR("document"));
	v->share_request = q;
	return gate_enter(a, &g, facts, v);
}
