/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ticket's plaintext is the session's id and the time of issue; the state, port and origin that
 * it is for are its associated data. Tickets are issued for navigations, for resources that the
 * workspace's pages embed, and for requests of their scripts to ports. Scripts see only the last
 * address of a chain of redirects, so a response at an address with a ticket is never readable for
 * them.
 */
#include "auth/login/port_ticket.h"

#include "auth/gate/facts.h"
#include "auth/gate/gate.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/flow_cookie.h"
#include "auth/login/login_start.h"
#include "auth/session/session_cookie.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_lifetime.h"
#include "auth/urls.h"
#include "base/clock.h"

#define PORT_TEXT_MAX	5u
#define TICKET_BYTES	(SESSION_ID_BYTES + 8u)
#define TICKET_TEXT_MAX 160u

static const char ticket_purpose[] = "port ticket";

/* A request for a ticket from a port's host; in the verdict's arena. */
struct port_ticket_request {
	uint16_t port;
	struct str origin; /* the port's */
	const char *state;
	unsigned status; /* status of the redirect: 307 keeps the method */
};

/* Returns the cookie box of this port's host. */
static struct cookie_box
ticket_box(const struct auth *a, uint16_t port, struct str origin)
{
	return cookie_box_for(&a->cookies,
			      &(const struct auth_facts){.port = port, .origin = origin});
}

static bool
ticket_seal(const struct auth *a, const struct port_ticket_request *q,
	    const uint8_t id[SESSION_ID_BYTES], struct buf *out, struct err *e)
{
	const struct cookie_box box = ticket_box(a, q->port, q->origin);
	const struct cookie_use use = {ticket_purpose, str_from(q->state)};
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	uint8_t plain[TICKET_BYTES];

	memcpy(plain, id, SESSION_ID_BYTES);
	for (size_t i = 0; i < 8; i++)
		plain[SESSION_ID_BYTES + i] = (uint8_t)(now_ms >> (56 - 8 * i));
	return cookie_seal(&box, &use, STR_BYTES(plain), out, e);
}

static bool
is_current(const uint8_t issued[8])
{
	uint64_t issued_ms = 0;
	int64_t age_ms;

	for (size_t i = 0; i < 8; i++)
		issued_ms = issued_ms << 8 | issued[i];
	age_ms = clock_wall_ms() - (int64_t)issued_ms;
	return age_ms >= 0 && age_ms < PORT_TICKET_AGE_MAX_MS;
}

/* Returns the session that the ticket names, if it is alive and the ticket is for this host and
 * state. */
static struct auth_session *
ticket_open(struct auth *a, const struct auth_facts *facts, struct str state, struct str text)
{
	const struct cookie_box box = ticket_box(a, facts->port, facts->origin);
	const struct cookie_use use = {ticket_purpose, state};
	struct auth_session *s = NULL;
	const uint8_t *bytes;
	struct buf plain;

	buf_init(&plain, TICKET_BYTES);
	if (cookie_open(&box, &use, text, &plain) && plain.len == TICKET_BYTES) {
		bytes = (const uint8_t *)plain.data;
		if (is_current(bytes + SESSION_ID_BYTES))
			s = session_find_id(a->store, bytes);
	}
	buf_wipe_fini(&plain);
	return s != NULL && !session_has_expired(s) && session_is_for_port(s, facts->port) ? s
											   : NULL;
}

/* At the workspace's own host */

/* Returns NULL, or a sentence that says what is wrong. */
static const char *
read_ticket_request(const struct auth *a, const struct auth_facts *facts,
		    struct port_ticket_request *q, struct arena *arena)
{
	const char *detail;
	struct flow_state parts;
	struct buf port;
	struct buf state;

	buf_init(&port, PORT_TEXT_MAX);
	buf_init(&state, FLOW_STATE_MAX);
	if (!facts_parameter(facts, STR("port"), &port, &detail) ||
	    !facts_parameter(facts, STR("state"), &state, &detail))
		goto cleanup;
	if (!ports_parse_one(buf_view(&port), &q->port) ||
	    !ports_contain(&a->settings->ports, q->port))
		detail = "There is no such port here.";
	else if (state.len == 0 || !flow_parse_state(&parts, buf_view(&state)))
		detail = "The parameter \"state\" is malformed.";
	else
		q->state = arena_dup(arena, buf_view(&state));
cleanup:
	buf_fini(&state);
	buf_fini(&port);
	return detail;
}

static void
send_ticket(struct auth *a, const struct port_ticket_request *q, struct auth_session *s,
	    struct auth_verdict *v)
{
	struct err e = ERR_INIT;
	struct buf ticket;

	buf_init(&ticket, TICKET_TEXT_MAX);
	if (!ticket_seal(a, q, session_id(s), &ticket, &e)) {
		log_error(NULL, "port ticket not issued", log_err(&e));
		verdict_unavailable(v, 0, NULL);
	} else {
		verdict_redirect(v, q->status,
				 arena_printf(&v->arena, "%.*s%s/callback?state=%s&ticket=%.*s",
					      STR_FMT(q->origin), a->settings->prefix, q->state,
					      STR_FMT(buf_view(&ticket))));
	}
	buf_wipe_fini(&ticket);
}

static void
redirect_with_ticket(struct auth *a, struct auth_session *s, struct auth_verdict *v)
{
	if (str_is_empty(session_cookie(s))) { /* of an API token: there is no cookie */
		verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST,
			       "API tokens work at the port's host directly.");
		return;
	}
	send_ticket(a, v->ticket_request, s, v);
}

/* Parses the request. NULL: it is invalid, and the verdict is filled. */
static struct port_ticket_request *
new_ticket_request(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct port_ticket_request *q = arena_alloc(&v->arena, sizeof(*q));
	const char *detail;

	if (q == NULL) {
		verdict_unavailable(v, 0, NULL);
		return NULL;
	}
	*q = (struct port_ticket_request){.status = 302};
	detail = read_ticket_request(a, facts, q, &v->arena);
	if (detail != NULL) {
		verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, detail);
		return NULL;
	}
	q->origin = str_from(auth_port_origin(a, q->port, &v->arena));
	if (q->state == NULL || str_is_empty(q->origin)) {
		verdict_unavailable(v, 0, NULL);
		return NULL;
	}
	return q;
}

/* Programs other than browsers find the port's own URL in the 401, as they would without the
 * redirect. */
static void
refuse_script(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	(void)facts;
	verdict_problem(v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	v->location =
		arena_printf(&v->arena, "%.*s%s", STR_FMT(v->ticket_request->origin), a->start_url);
}

/* The target of the login was the endpoint that issues tickets. */
static void
issue_for_session(struct auth *a, struct auth_session *s, struct str target, struct auth_verdict *v)
{
	const struct auth_facts facts = {.target = target};
	const struct port_ticket_request *q = new_ticket_request(a, &facts, v);

	if (q == NULL)
		return;
	if (session_is_for_port(s, q->port))
		send_ticket(a, q, s, v);
	else
		verdict_problem(v, AUTH_PROBLEM_BAD_REQUEST, NULL);
}

bool
port_ticket_issue_to_guest(struct auth *a, const struct port_guest_login *login,
			   struct auth_verdict *v, struct err *e)
{
	struct auth_session *s;

	if (port_share_is_over(login->share))
		return err_set(e, ERR_DENIED, "the port is no longer shared");
	s = session_new_guest(a->store, login->user, login->tokens, login->share, e);
	if (s == NULL)
		return false;
	log_info(NULL, "guest signed in", log_cstr("user", login->user->username),
		 log_int("port", login->share->terms.port),
		 log_cstr("audience", auth_audience_name(login->share->terms.audience)));
	issue_for_session(a, s, login->target, v);
	return true;
}

struct auth_call *
port_ticket_issue(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
		  auth_done_fn *done, void *arg)
{
	bool is_embedded = !str_is_empty(auth_embedder(a, facts));
	struct port_ticket_request *q;
	struct gate g = {.on_allowed = redirect_with_ticket,
			 .on_no_session =
				 is_embedded ? login_start_refuse : login_start_for_request,
			 .done = done,
			 .arg = arg};

	v->allows_origin = auth_is_handover_redirect(a, facts);
	if (!auth_is_navigation(facts) && !is_embedded && !v->allows_origin) {
		verdict_refuse(a, v, AUTH_PROBLEM_CROSS_SITE, NULL);
		return NULL;
	}
	q = new_ticket_request(a, facts, v);
	v->ticket_request = q;
	if (q == NULL)
		return NULL;
	if (v->allows_origin) {
		q->status = 307;
		g.on_no_session = refuse_script;
	}
	return gate_enter(a, &g, facts, v);
}

/* At the port's host */

static void
set_session_cookie(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		   struct auth_session *s, struct auth_verdict *v)
{
	struct err e = ERR_INIT;
	struct buf text;

	buf_init(&text, COOKIE_TEXT_MAX);
	verdict_redirect(v, v->allows_origin ? 307 : 302,
			 flow_target_location(str_from(f->target), facts->origin, &v->arena));
	if (session_seal_cookie(s, facts, &text, &e)) {
		verdict_add_cookie(v, cookie_format(&a->cookies, &v->arena,
						    str_from(a->settings->cookie_name),
						    buf_view(&text),
						    (a->settings->cookie_expire_ms + 999) / 1000));
		log_info(facts->log, "signed in to a port", log_int("port", facts->port),
			 log_str("user", session_identity(s).username));
	} else {
		log_error(facts->log, "session cookie for a port not set", log_err(&e));
		verdict_unavailable(v, 0, NULL);
	}
	buf_fini(&text);
}

/* A flow that a script's request started needs its target, and accepts only such requests. */
static bool
is_flow_for(const struct auth *a, const struct flow *f, bool is_script)
{
	if (!is_script)
		return f->cors_page == CORS_PAGE_NONE;
	return f->cors_page != CORS_PAGE_NONE &&
	       !str_equal(str_from(f->target), str_from(a->target_lost_url));
}

/* Scripts may not read the answer: its URL contains a ticket. */
static void
recover(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
	const struct flow *f, bool is_script, struct auth_verdict *v)
{
	if (is_script)
		verdict_problem(v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	else
		login_recover(a, facts, state, f, v);
}

/* The order matters: a state is marked as used only for a valid ticket with its flow's cookie. */
static void
accept_ticket(struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
	      struct str ticket, struct auth_verdict *v)
{
	bool is_script = auth_is_handover_redirect(a, facts);
	struct flow flow = {.target = ""};
	struct auth_session *s = NULL;

	if (flow_cookie_find(a, facts, state, &flow) && is_flow_for(a, &flow, is_script))
		s = ticket_open(a, facts, state->whole, ticket);
	if (s == NULL || !flow_ring_take(&a->used_tickets, state)) {
		recover(a, facts, state, &flow, is_script, v);
	} else if (!session_note_port_cookie(s, flow.started_ms)) {
		verdict_problem(v, AUTH_PROBLEM_LOGIN_LOOP,
				"Signing in succeeds, but the browser does not keep the session.");
		v->location = login_start_url(a, str_from(flow.target), facts->client, &v->arena);
	} else {
		v->allows_origin = is_script;
		if (is_script)
			cors_redirects_put(&a->cors_redirects, s, facts->port, flow.cors_page,
					   facts->method, str_from(flow.target));
		set_session_cookie(a, facts, &flow, s, v);
		flow_cookie_clear(a, state->id, v);
		v->allows_origin = is_script && v->action == AUTH_REDIRECT;
	}
	flow_wipe(&flow);
}

void
port_ticket_redeem(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	const char *detail;
	struct flow_state parts;
	struct buf state;
	struct buf ticket;

	buf_init(&state, FLOW_STATE_MAX);
	buf_init(&ticket, TICKET_TEXT_MAX);
	if (facts_parameter(facts, STR("state"), &state, &detail) &&
	    facts_parameter(facts, STR("ticket"), &ticket, &detail)) {
		if (state.len == 0 || !flow_parse_state(&parts, buf_view(&state)))
			detail = "The parameter \"state\" is malformed.";
		else if (ticket.len == 0)
			detail = "The parameter \"ticket\" is missing.";
	}
	if (detail == NULL) {
		accept_ticket(a, facts, &parts, buf_view(&ticket), v);
	} else {
		verdict_refuse(a, v, AUTH_PROBLEM_BAD_REQUEST, detail);
	}
	buf_wipe_fini(&ticket);
	buf_fini(&state);
}
