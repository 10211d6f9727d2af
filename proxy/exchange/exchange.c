/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exchange.h. Reads in the order in which things happen: start, form, gate, the request's body,
 * end. In between are admission (exchange_admit.c) and the upstream (exchange_upstream.c).
 */
#include "proxy/exchange/exchange.h"

#include <stdlib.h>

#include "proxy/exchange/events.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/reply.h"
#include "proxy/exchange/response_coding.h"
#include "proxy/http/forward.h"

#define CLOSE_PATIENCE_MS 1000 /* for a frame boundary, once a WebSocket is to be closed */

static void run(struct exchange *x);
static void on_auth_done(struct auth_verdict *v, void *arg);
static void on_session_ended(enum auth_end reason, void *arg);

/* Sixteen characters, unique in the cluster for all that matters: 32 random bits of this process, a
 * count. */
static void
make_id(struct exchange *x)
{
	uint64_t count = x->proxy->requests++;

	memcpy(x->id, x->proxy->boot_id, 8);
	for (int i = 15; i >= 8; i--, count >>= 4)
		x->id[i] = "0123456789abcdef"[count & 15];
	x->id[16] = '\0';
}

static void
on_timer(void *arg)
{
	struct exchange *x = arg;

	if (x->state == EXCHANGE_FORM)
		reply_status(x, 408);
	else if (x->state == EXCHANGE_TUNNEL && x->close_code == 0)
		exchange_ping(x);
	else
		exchange_break_off(x);
}

void
exchange_start_timer(struct exchange *x, uint64_t delay_ms)
{
	if (x->timer.loop == NULL)
		loop_timer_init(&x->timer, x->proxy->loop, on_timer, x);
	loop_timer_start(&x->timer, delay_ms);
}

static bool
expects_100(const struct exchange *x, struct str *expected)
{
	return headers_find(&x->request.headers, HEADER_EXPECT, expected) > 0 &&
	       str_equal_nocase(*expected, STR("100-continue"));
}

/* Anybody may post a form, so the deadline is for all of it and not for each piece. A client may
 * wait to be asked (RFC 9110 section 10.1.1). */
static void
gather_form(struct exchange *x)
{
	static const struct response_head go_on = {.status = 100};
	struct stream *s = x->stream;
	struct str expected;

	x->state = EXCHANGE_FORM;
	exchange_start_timer(x, x->proxy->settings->body_timeout_ms);
	if (expects_100(x, &expected))
		s->ops->send_head(s, &go_on);
	s->ops->want_body(s, true);
}

static bool
find_origin(struct exchange *x)
{
	const struct proxy *p = x->proxy;

	x->origin = p->origin;
	if (x->route.port == 0)
		return true;
	x->log.fields[2] = log_int("port", x->route.port);
	x->origin = str_from(auth_port_origin(p->auth, x->route.port, &x->arena));
	return !str_is_empty(x->origin);
}

struct exchange *
exchange_start(struct proxy *p, struct stream *s, struct arena *arena,
	       const struct request_head *request)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		arena_fini(arena);
		return NULL;
	}
	x->proxy = p;
	x->stream = s;
	s->exchange = x;
	x->arena = *arena;
	x->request = *request;
	x->started_us = clock_monotonic_us();
	p->metrics.in_flight++;
	x->request_ended = request->body == BODY_NONE;
	make_id(x);
	x->log.parent = s->log;
	x->log.fields[0] = log_cstr("request_id", x->id);
	buf_init(&x->form, AUTH_BODY_MAX);
	auth_verdict_init(&x->verdict);
	x->route = route_find(p, &x->request);
	if (!find_origin(x)) {
		reply_status(x, 500);
		return x;
	}
	if (!forward_find_client(&p->settings->trusted_proxies, &request->headers, s->peer_ip,
				 &x->arena, &x->client, &x->forwarded_for)) {
		reply_status(x, 500);
		return x;
	}
	if (!str_equal(x->client, s->peer_ip))
		x->log.fields[1] = log_str("client", x->client);

	struct str expected;
	if (!expects_100(x, &expected) && expected.data != NULL) {
		reply_status(x, 417);
		return x;
	}
	bool wants_form = (x->route.kind == ROUTE_AUTH || x->route.kind == ROUTE_WORKSPACE) &&
			  str_equal(request->method, STR("POST")) && !x->request_ended;
	if (wants_form && request->length > AUTH_BODY_MAX) {
		reply_status(x, 413);
	} else if (wants_form) {
		gather_form(x);
	} else {
		run(x);
	}
	return x;
}

/* The request is understood, and whole where it is for us. */
static void
run(struct exchange *x)
{
	struct auth_facts facts = reply_facts(x);

	x->state = EXCHANGE_AUTH;
	switch (x->route.kind) {
	case ROUTE_MISDIRECTED:
		reply_status(x, 421);
		return;
	case ROUTE_UNKNOWN:
		reply_status(x, 404);
		return;
	case ROUTE_AUTH:
		x->auth_call = auth_answer(x->proxy->auth, x->route.endpoint, &facts, &x->verdict,
					   on_auth_done, x);
		break;
	case ROUTE_RELAY:
		relay_answer(x->proxy->relay, x->route.relay, &facts, &x->verdict);
		break;
	case ROUTE_WORKSPACE:
	case ROUTE_UPSTREAM:
		x->auth_call = auth_check(x->proxy->auth, &facts, &x->verdict, on_auth_done, x);
		break;
	}
	if (x->auth_call == NULL)
		exchange_act_on_verdict(x);
}

static void
on_auth_done(struct auth_verdict *v, void *arg)
{
	struct exchange *x = arg;

	(void)v;
	x->auth_call = NULL;
	exchange_act_on_verdict(x);
	exchange_on_round(x);
}

/* From the browser */

/* In the middle of a body whose length nobody told: the IDE must not take it for whole. */
static void
refuse_rest(struct exchange *x)
{
	log_info(&x->log, "the request's body is too big",
		 log_int("request_bytes", (int64_t)x->request_bytes));
	if (x->state == EXCHANGE_RESPONSE) {
		exchange_break_off(x);
		return;
	}
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_status(x, 413);
}

static void
note_use(struct exchange *x)
{
	proxy_note_activity(x->proxy);
	auth_watch_note_use(&x->watch, x->proxy->active_ms);
}

void
exchange_on_body(struct exchange *x, struct str data)
{
	struct stream *s = x->stream;

	x->request_bytes += data.len;
	x->proxy->metrics.request_bytes += data.len;
	if ((x->state == EXCHANGE_FORWARD || x->state == EXCHANGE_RESPONSE) &&
	    exchange_is_too_big(x, x->request_bytes)) {
		refuse_rest(x);
		return;
	}
	switch (x->state) {
	case EXCHANGE_FORM:
		if (!buf_add_str(&x->form, data))
			reply_status(x, 413);
		return;
	case EXCHANGE_FORWARD:
	case EXCHANGE_RESPONSE:
	case EXCHANGE_TUNNEL:
		if (!websocket_is_empty_pong(data))
			note_use(x);
		x->body_started = true;
		upstream_send_body(x->upstream, data);
		if (upstream_is_blocked(x->upstream))
			s->ops->want_body(s, false);
		return;
	case EXCHANGE_NEW:
	case EXCHANGE_AUTH:
	case EXCHANGE_EVENTS:
	case EXCHANGE_OVER:
		return;
	}
}

struct conn *
exchange_sink(struct exchange *x)
{
	bool forwards = x->state == EXCHANGE_FORWARD || x->state == EXCHANGE_RESPONSE;

	return forwards && x->upstream != NULL ? upstream_sink(x->upstream) : NULL;
}

void
exchange_on_moved(struct exchange *x, size_t len)
{
	x->request_bytes += len;
	x->proxy->metrics.request_bytes += len;
	x->body_started = true;
	upstream_touch(x->upstream);
	if (upstream_is_blocked(x->upstream))
		x->stream->ops->want_body(x->stream, false);
}

void
exchange_on_body_end(struct exchange *x)
{
	x->request_ended = true;
	if (x->state == EXCHANGE_FORM) {
		loop_timer_fini(&x->timer);
		run(x);
	} else if (x->upstream != NULL) {
		upstream_send_end(x->upstream);
	}
}

void
exchange_on_round(struct exchange *x)
{
	if (x->state == EXCHANGE_OVER)
		return;
	if (x->upstream != NULL)
		upstream_flush(x->upstream);
}

void
exchange_on_drained(struct exchange *x)
{
	if (x->upstream_paused) {
		x->upstream_paused = false;
		upstream_want_read(x->upstream, true);
	}
	if (x->events != NULL)
		events_on_drained(x->events);
}

/* The end */

void
exchange_close(struct exchange *x, unsigned close_code)
{
	if (x->state == EXCHANGE_TUNNEL && x->close_code == 0) {
		x->close_code = close_code;
		if (websocket_is_at_boundary(&x->to_client)) {
			exchange_close_tunnel(x);
			return;
		}
		exchange_start_timer(x, CLOSE_PATIENCE_MS);
	} else if (x->state == EXCHANGE_EVENTS) {
		x->stream->ops->send_end(x->stream);
		exchange_finish(x);
	}
}

/* What the upstream would answer now is for nobody: it could begin a stream that lasts. */
static void
refuse_late(struct exchange *x)
{
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_problem(x, 401, AUTH_PROBLEM_LOGIN_REQUIRED);
}

/* What is asked for or may last for hours must not outlive the session. */
static void
on_session_ended(enum auth_end reason, void *arg)
{
	static const char *const reasons[] = {
		[AUTH_END_SIGNED_OUT] = "signed out",
		[AUTH_END_EXPIRED] = "expired",
		[AUTH_END_REFUSED] = "refused",
	};
	struct exchange *x = arg;

	log_info(&x->log, "session ended while in use", log_cstr("reason", reasons[reason]));
	if (x->state == EXCHANGE_TUNNEL || x->state == EXCHANGE_EVENTS)
		exchange_close(x, WEBSOCKET_POLICY_VIOLATION);
	else if (x->state == EXCHANGE_RESPONSE)
		exchange_break_off(x);
	else if (x->state == EXCHANGE_FORWARD)
		refuse_late(x);
}

void
exchange_watch_session(struct exchange *x)
{
	auth_watch_start(&x->watch, x->verdict.session, on_session_ended, x);
}

void
exchange_on_lost(struct exchange *x)
{
	x->was_lost = true;
	exchange_finish(x);
}

static enum metrics_websocket_end
websocket_end(const struct exchange *x)
{
	if (x->close_code != 0)
		return x->close_code == WEBSOCKET_GOING_AWAY ? METRICS_WEBSOCKET_DRAIN
							     : METRICS_WEBSOCKET_SESSION;
	if (x->was_lost)
		return METRICS_WEBSOCKET_BROWSER;
	return x->upstream == NULL ? METRICS_WEBSOCKET_FAILURE : METRICS_WEBSOCKET_IDE;
}

static void
count(const struct exchange *x, uint64_t duration_us)
{
	static const enum metrics_route routes[] = {
		[ROUTE_MISDIRECTED] = METRICS_NO_ROUTE, [ROUTE_AUTH] = METRICS_AUTH,
		[ROUTE_RELAY] = METRICS_RELAY,		[ROUTE_WORKSPACE] = METRICS_WORKSPACE,
		[ROUTE_UNKNOWN] = METRICS_NO_ROUTE,	[ROUTE_UPSTREAM] = METRICS_IDE,
	};
	struct proxy_metrics *m = &x->proxy->metrics;
	enum metrics_route route = routes[x->route.kind];

	if (route == METRICS_IDE && x->request.wants_websocket)
		route = METRICS_WEBSOCKET;
	else if (route == METRICS_IDE && x->route.port != 0)
		route = METRICS_PORT;
	if (x->state == EXCHANGE_TUNNEL)
		m->websockets_ended[websocket_end(x)]++;
	m->in_flight--;
	m->requests[route][x->status / 100 % METRICS_STATUS_CLASSES]++;
	metrics_observe(&m->duration[route], &metrics_latency_bounds, duration_us);
}

static void
log_access(const struct exchange *x, uint64_t duration_us)
{
	const struct request_head *r = &x->request;

	if (!x->proxy->settings->access_log)
		return;
	log_info(&x->log, "request", log_str("user", x->verdict.identity.username),
		 log_str("method", r->method), log_str("path", r->path),
		 log_int("status", x->status), log_int("request_bytes", (int64_t)x->request_bytes),
		 log_int("response_bytes", (int64_t)x->response_bytes),
		 log_int("duration_us", (int64_t)duration_us),
		 log_bool("upstream", x->route.kind == ROUTE_UPSTREAM && x->upstream != NULL));
}

static void
free_exchange(struct deferred_free_entry *entry)
{
	struct exchange *x = (struct exchange *)(void *)entry; /* its first member */

	auth_verdict_fini(&x->verdict);
	buf_wipe_fini(&x->form);
	arena_fini(&x->arena);
	free(x->kept);
	free(x);
}

void
exchange_finish(struct exchange *x)
{
	if (x->state == EXCHANGE_OVER)
		return;
	uint64_t duration_us = clock_monotonic_us() - x->started_us;
	count(x, duration_us);
	log_access(x, duration_us);
	x->state = EXCHANGE_OVER;
	if (x->auth_call != NULL)
		auth_cancel(x->auth_call);
	auth_watch_stop(&x->watch);
	loop_timer_fini(&x->timer);
	x->proxy->websockets_count -= x->is_counted;
	if (x->upstream != NULL)
		upstream_release(x->upstream);
	events_free(x->events);
	response_coding_stop(x);
	if (x->target != NULL)
		port_upstreams_release(x->proxy->targets, x->target);
	x->target = NULL;
	x->upstream = NULL;
	x->auth_call = NULL;
	x->events = NULL;
	x->stream->exchange = NULL;
	deferred_free_add(&x->proxy->reaper, &x->reap, free_exchange);
}
