/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the request, checks the origin of a POST, and selects the form of the response. Events send
 * the state when the clone, the server's readiness or the list of ports changes, and a comment at
 * intervals, so that intermediaries do not close an idle stream.
 */
#include "proxy/exchange/workspace.h"

#include <stdlib.h>

#include "base/url.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"

#define TICK_MS		500
#define HEARTBEAT_TICKS 30
#define STATE_MAX_BYTES 98304u /* two thirds of it for lists of users that ports have */

struct events {
	struct exchange *exchange;
	struct clone_watch watch;
	struct loop_timer timer;
	unsigned quiet_ticks;	/* since the last event or comment */
	bool was_ready;		/* as it was sent last */
	int reason;		/* code that was sent last; -1: none */
	unsigned ports_version; /* of the list that was sent last */
	bool is_due;		/* the state changed while the stream was blocked */
};

/* Appends the state as JSON: the data of an event or, with the timeline of the start, the response
 * to API clients. */
static bool
render_state(const struct exchange *x, bool is_ready, bool with_start, struct buf *out)
{
	struct proxy *p = x->proxy;
	struct port_watch_page ports;
	const struct pages_state state = {
		.clone = clone_control_progress(&p->clone_control),
		.port = x->route.port,
		.is_ready = is_ready,
		.reason = x->route.port == 0 ? ide_status_reason(p) : NULL,
		.timeline = with_start ? &p->ide_status.timeline : NULL,
		.answered_ms = upstream_figures(p->upstream).first_ready_ms,
		.ports = port_watch_describe(&p->port_watch, x->route.port, &ports),
	};

	return pages_render_state(&state, out);
}

static int
find_reason(const struct exchange *x)
{
	const struct ide_reason *reason = x->route.port == 0 ? ide_status_reason(x->proxy) : NULL;

	return reason == NULL ? -1 : (int)reason->code;
}

/* Whether the list of ports, which only the workspace's own host shows, has changed. */
static bool
have_ports_changed(const struct events *events)
{
	struct port_watch *ports = &events->exchange->proxy->port_watch;

	return events->exchange->route.port == 0 && port_watch_ask(ports) != NULL &&
	       port_watch_version(ports) != events->ports_version;
}

static void
send_state(struct events *events)
{
	struct exchange *x = events->exchange;
	struct stream *s = x->stream;
	struct buf line;

	events->is_due = s->ops->is_blocked(s);
	if (events->is_due)
		return;
	events->quiet_ticks = 0;
	events->was_ready = upstream_is_ready(exchange_server(x));
	events->reason = find_reason(x);
	buf_init(&line, STATE_MAX_BYTES + 16);
	buf_add_str(&line, STR("data: "));
	if (render_state(x, events->was_ready, false, &line)) {
		buf_add_str(&line, STR("\n\n"));
		events->ports_version = port_watch_version(&x->proxy->port_watch);
		exchange_send_body(x, buf_view(&line));
		s->ops->flush(s);
	}
	buf_fini(&line);
}

static void
on_clone_changed(const struct clone_progress *progress, void *arg)
{
	(void)progress;
	send_state(arg);
}

static void
on_tick(void *arg)
{
	struct events *events = arg;
	struct exchange *x = events->exchange;

	loop_timer_start(&events->timer, TICK_MS);
	upstream_probe(exchange_server(x));
	if (events->was_ready != upstream_is_ready(exchange_server(x)) ||
	    events->reason != find_reason(x) || have_ports_changed(events)) {
		send_state(events);
	} else if (++events->quiet_ticks >= HEARTBEAT_TICKS) {
		events->quiet_ticks = 0;
		exchange_send_body(x, STR(":\n\n"));
		x->stream->ops->flush(x->stream);
	}
}

static void
on_drained(struct exchange *x)
{
	if (x->events->is_due)
		send_state(x->events);
}

static void
close_events(struct exchange *x, unsigned close_code)
{
	(void)close_code;
	exchange_end(x, NULL);
}

static void
free_events(struct exchange *x)
{
	clone_watch_stop(&x->events->watch);
	loop_timer_fini(&x->events->timer);
	free(x->events);
	x->events = NULL;
}

static const struct exchange_part events_part = {
	.on_drained = on_drained,
	.close = close_events,
	.free = free_events,
};

static void
answer_events(struct exchange *x)
{
	struct events *events = calloc(1, sizeof(*events));

	exchange_watch_session(x);
	if (events == NULL) {
		reply_status(x, 500);
		return;
	}
	x->state = EXCHANGE_EVENTS;
	x->events = events;
	x->part = &events_part;
	events->exchange = x;
	reply_stream_head(x, "text/event-stream");
	loop_timer_init(&events->timer, x->proxy->loop, on_tick, events);
	loop_timer_start(&events->timer, TICK_MS);
	clone_watch_start(&events->watch, x->proxy->clone_control.clone, on_clone_changed, events);
	send_state(events);
	if (x->proxy->draining)
		exchange_close(x, WEBSOCKET_GOING_AWAY);
}

static void
answer_json(struct exchange *x)
{
	struct buf body;

	buf_init(&body, STATE_MAX_BYTES);
	if (render_state(x, upstream_is_ready(exchange_server(x)), true, &body))
		reply_body(x, 200, "application/json", buf_view(&body));
	else
		reply_status(x, 500);
	buf_fini(&body);
}

static void
answer_action(struct exchange *x)
{
	struct proxy *p = x->proxy;
	struct auth_facts facts = exchange_facts(x);
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

void
workspace_answer(struct exchange *x)
{
	struct str method = x->request.method;

	clone_control_offer_token(&x->proxy->clone_control, &x->verdict);
	upstream_probe(exchange_server(x));
	if (str_equal(method, STR("POST"))) {
		answer_action(x);
	} else if (!str_equal(method, STR("GET")) && !x->request.is_head) {
		reply_wrong_method(x, "GET, HEAD, POST");
	} else if (exchange_accepts_events(x) && !x->request.is_head) {
		answer_events(x);
	} else if (exchange_is_for_person(x)) {
		reply_status_page(x);
	} else {
		answer_json(x);
	}
}
