/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the request for <prefix>/workspace, checks the origin of a POST, and selects the form of
 * the response: page, JSON or event stream.
 */
#include "base/url.h"
#include "proxy/exchange/events.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"

static void
answer_json(struct exchange *x)
{
	struct buf body;

	buf_init(&body, EVENTS_STATE_MAX_BYTES);
	if (events_render_state(x, upstream_is_ready(exchange_server(x)), true, &body))
		reply_body(x, 200, "application/json", buf_view(&body));
	else
		reply_status(x, 500);
	buf_fini(&body);
}

static void
answer_action(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct auth_facts facts = reply_facts(x);
	struct str action;

	if (!auth_is_same_origin(p->auth, &facts)) {
		reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
		return;
	}
	if (url_query_find(buf_view(&x->form), STR("action"), &action) != 1) {
		reply_status(x, 400);
		return;
	}
	if (str_equal(action, STR("retry"))) {
		clone_control_retry(&p->clone_control, &x->verdict);
	} else if (str_equal(action, STR("continue"))) {
		clone_control_skip(&p->clone_control);
		if (clone_control_is_open(&p->clone_control))
			start_timeline_note_open(&p->ide_status.timeline);
	} else {
		reply_status(x, 400);
		return;
	}
	/* Without script, posting the form is a navigation: redirect to the workspace. */
	if (str_equal(headers_get(&x->request.headers, STR("sec-fetch-dest"), 0), STR("document")))
		reply_redirect(x, 303, "/");
	else
		answer_json(x);
}

static void
answer_events(struct exchange *x)
{
	exchange_watch_session(x);
	if (!events_start(x))
		reply_status(x, 500);
	else if (x->proxy->draining)
		exchange_close(x, WEBSOCKET_GOING_AWAY);
}

void
exchange_answer_workspace(struct exchange *x)
{
	struct str method = x->request.method;

	clone_control_offer_token(&x->proxy->clone_control, &x->verdict);
	upstream_probe(exchange_server(x));
	if (str_equal(method, STR("POST"))) {
		answer_action(x);
	} else if (!str_equal(method, STR("GET")) && !x->request.is_head) {
		reply_wrong_method(x, "GET, HEAD, POST");
	} else if (events_are_accepted(x) && !x->request.is_head) {
		answer_events(x);
	} else if (reply_is_for_person(x)) {
		reply_status_page(x);
	} else {
		answer_json(x);
	}
}
