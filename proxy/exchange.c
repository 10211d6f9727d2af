/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exchange.h. Reads in the order in which things happen: start, form, gate, admission,
 * upstream, end.
 */
#include "proxy/exchange.h"

#include <stdlib.h>

#include "proxy/forward.h"
#include "proxy/reply.h"
#include "proxy/workspace.h"

#define CLOSE_PATIENCE_MS 1000 /* for a frame boundary, once a WebSocket is to be closed */

static void run(struct exchange *x);
static void on_auth_done(struct auth_verdict *v, void *arg);
static void on_session_ended(enum auth_end reason, void *arg);
static void on_head(struct response_head *head, void *arg);
static void on_body(struct str data, void *arg);
static struct conn *sink(void *arg);
static void on_moved(size_t len, void *arg);
static void on_end(void *arg);
static void on_round(void *arg);
static void on_drained(void *arg);
static void on_failed(enum upstream_failure failure, const struct err *e, void *arg);

static const struct upstream_handler upstream_handler = {
	.on_head = on_head,
	.on_body = on_body,
	.sink = sink,
	.on_moved = on_moved,
	.on_end = on_end,
	.on_round = on_round,
	.on_drained = on_drained,
	.on_failed = on_failed,
};

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
on_form_timer(void *arg)
{
	reply_status(arg, 408);
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
	loop_timer_init(&x->timer, x->proxy->loop, on_form_timer, x);
	loop_timer_start(&x->timer, x->proxy->settings->body_timeout_ms);
	if (headers_find(&x->request.headers, HEADER_EXPECT, &expected) > 0 &&
	    str_equal_nocase(expected, STR("100-continue")))
		s->ops->send_head(s, &go_on);
	s->ops->want_body(s, true);
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
	x->request_ended = request->body == BODY_NONE;
	make_id(x);
	x->log.parent = s->log;
	x->log.fields[0] = log_cstr("request_id", x->id);
	buf_init(&x->form, AUTH_BODY_MAX);
	auth_verdict_init(&x->verdict);
	x->route = route_find(p, &x->request);
	if (!forward_find_client(&p->settings->trusted_proxies, &request->headers, s->peer_ip,
				 &x->arena, &x->client, &x->forwarded_for)) {
		reply_status(x, 500);
		return x;
	}
	if (!str_equal(x->client, s->peer_ip))
		x->log.fields[1] = log_str("client", x->client);

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

static void act_on_verdict(struct exchange *x);

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
		act_on_verdict(x);
}

static void
on_auth_done(struct auth_verdict *v, void *arg)
{
	struct exchange *x = arg;

	(void)v;
	x->auth_call = NULL;
	act_on_verdict(x);
	exchange_on_round(x);
}

/* A method that may be sent twice (RFC 9110 section 9.2.2), without a body that was already passed
 * on. */
static bool
can_be_repeated(const struct exchange *x)
{
	struct str m = x->request.method;

	return x->request.body == BODY_NONE && !x->request.wants_websocket &&
	       (str_equal(m, STR("GET")) || x->request.is_head || str_equal(m, STR("OPTIONS")) ||
		str_equal(m, STR("PUT")) || str_equal(m, STR("DELETE")));
}

static void
send_upstream(struct exchange *x, enum upstream_wish wish)
{
	struct stream *s = x->stream;
	struct err e = ERR_INIT;
	struct forward forward = {
		.auth = x->proxy->auth,
		.request = &x->request,
		.identity = x->verdict.identity,
		.token_header = x->verdict.token_header,
		.forwarded_for = x->forwarded_for,
		.request_id = {x->id, EXCHANGE_ID_SIZE - 4},
	};

	x->state = EXCHANGE_FORWARD;
	x->upstream = upstream_acquire(x->proxy->upstream, wish, &upstream_handler, x, &e);
	if (x->upstream == NULL) {
		log_warn(&x->log, "upstream can't be reached", log_err(&e));
		reply_waiting(x);
		return;
	}
	struct buf *out = upstream_begin(x->upstream, &x->request, x->request.wants_websocket);
	forward_write_request(&forward, out);
	if (x->request_ended) {
		upstream_send_end(x->upstream);
		upstream_flush(x->upstream);
	} else {
		s->ops->want_body(s, !upstream_is_blocked(x->upstream));
	}
}

/* Every upgrade names our own origin, exactly once: browsers send cookies with
 * WebSockets of any page (cross-site WebSocket hijacking). */
static bool
has_own_origin(const struct exchange *x)
{
	struct str origin;

	return headers_find(&x->request.headers, HEADER_ORIGIN, &origin) == 1 &&
	       str_equal(origin, x->proxy->origin);
}

/* No browser opens a WebSocket without Origin, nor brings a GitLab token by itself. */
static bool
is_program(const struct exchange *x)
{
	const struct headers *h = &x->request.headers;
	struct str value;

	return !str_is_empty(x->verdict.token_header) &&
	       headers_find(h, HEADER_ORIGIN, &value) == 0 &&
	       headers_find(h, HEADER_COOKIE, &value) == 0;
}

static void
admit(struct exchange *x)
{
	if (x->request.wants_websocket && !has_own_origin(x) && !is_program(x)) {
		reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
		return;
	}
	/* A program's token may not reach as far as git. */
	if (str_is_empty(x->verdict.token_header))
		workspace_offer_token(x->proxy, x->verdict.session);
	if (!workspace_is_open(x->proxy)) {
		reply_waiting(x);
		return;
	}
	exchange_watch_session(x);
	send_upstream(x, can_be_repeated(x) ? UPSTREAM_ANY : UPSTREAM_RECENT);
}

static void
act_on_verdict(struct exchange *x)
{
	if (x->verdict.action != AUTH_ALLOW)
		reply_verdict(x);
	else if (x->route.kind == ROUTE_UPSTREAM)
		admit(x);
	else
		workspace_answer(x);
}

/* From the browser */

void
exchange_on_body(struct exchange *x, struct str data)
{
	struct stream *s = x->stream;

	x->request_bytes += data.len;
	switch (x->state) {
	case EXCHANGE_FORM:
		if (!buf_add_str(&x->form, data))
			reply_status(x, 413);
		return;
	case EXCHANGE_FORWARD:
	case EXCHANGE_RESPONSE:
	case EXCHANGE_TUNNEL:
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

/* From the upstream */

static void
add_date(struct exchange *x, struct headers *h)
{
	struct str unused;

	if (headers_find(h, HEADER_DATE, &unused) == 0)
		headers_add_own(h, STR("Date"), str_from(proxy_date(x->proxy)));
}

/* A WebSocket may idle for days: all that is still needed of its head is the log line. */
static void
shed_head(struct exchange *x)
{
	struct str path = str_take(x->request.path, LOG_VALUE_MAX);
	char *kept = malloc(path.len + x->client.len + 1);

	if (kept == NULL)
		return;
	memcpy(kept, path.data, path.len);
	memcpy(kept + path.len, x->client.data, x->client.len);
	x->request = (struct request_head){
		.method = STR("GET"), .path = {kept, path.len}, .wants_websocket = true};
	x->client = (struct str){kept + path.len, x->client.len};
	if (x->log.fields[1].name != NULL)
		x->log.fields[1].text = x->client;
	x->forwarded_for = STR_NONE;
	x->kept = kept;
	arena_fini(&x->arena);
}

static void
begin_tunnel(struct exchange *x)
{
	shed_head(x);
	x->state = EXCHANGE_TUNNEL;
	x->request_ended = false;
	x->stream->ops->want_body(x->stream, true);
	if (x->proxy->draining)
		exchange_close(x, WEBSOCKET_GOING_AWAY);
}

static void
on_head(struct response_head *head, void *arg)
{
	struct exchange *x = arg;
	struct stream *s = x->stream;

	forward_filter_response(x->proxy->auth, &head->headers);
	if (head->status >= 200 || head->status == 101) {
		x->status = head->status;
		x->state = EXCHANGE_RESPONSE;
		/* The codec leaves room for these. */
		for (size_t i = 0; i < x->verdict.set_cookies_count; i++)
			headers_add_own(&head->headers, STR("Set-Cookie"),
					str_from(x->verdict.set_cookies[i]));
		add_date(x, &head->headers);
	}
	s->ops->send_head(s, head);
	if (head->status == 101)
		begin_tunnel(x);
}

static void
pause_when_blocked(struct exchange *x)
{
	if (x->upstream == NULL || x->upstream_paused || !x->stream->ops->is_blocked(x->stream))
		return;
	x->upstream_paused = true;
	upstream_want_read(x->upstream, false);
}

static void
close_tunnel(struct exchange *x)
{
	char frame[WEBSOCKET_CLOSE_BYTES];
	struct stream *s = x->stream;

	websocket_close_frame(x->close_code, frame);
	s->ops->send_body(s, (struct str){frame, sizeof(frame)});
	s->ops->send_end(s);
	exchange_finish(x);
}

static void
on_tunnel_body(struct exchange *x, struct str data)
{
	if (x->close_code != 0)
		data = str_take(data, websocket_until_boundary(&x->to_client, data));
	websocket_track(&x->to_client, data);
	x->stream->ops->send_body(x->stream, data);
	if (x->close_code != 0 && websocket_is_at_boundary(&x->to_client))
		close_tunnel(x);
}

static void
on_body(struct str data, void *arg)
{
	struct exchange *x = arg;

	x->response_bytes += data.len;
	if (x->state == EXCHANGE_TUNNEL)
		on_tunnel_body(x, data);
	else
		x->stream->ops->send_body(x->stream, data);
	pause_when_blocked(x);
}

static struct conn *
sink(void *arg)
{
	struct exchange *x = arg;

	return x->state == EXCHANGE_RESPONSE ? x->stream->ops->sink(x->stream) : NULL;
}

static void
on_moved(size_t len, void *arg)
{
	struct exchange *x = arg;

	x->response_bytes += len;
	x->stream->ops->flush(x->stream);
	pause_when_blocked(x);
}

static void
on_end(void *arg)
{
	struct exchange *x = arg;

	x->stream->ops->send_end(x->stream);
	exchange_finish(x);
}

static void
on_round(void *arg)
{
	struct exchange *x = arg;

	x->stream->ops->flush(x->stream);
	pause_when_blocked(x);
}

static void
on_drained(void *arg)
{
	struct exchange *x = arg;

	if (!x->request_ended)
		x->stream->ops->want_body(x->stream, true);
}

static void
break_off(struct exchange *x)
{
	x->stream->ops->abort(x->stream);
	exchange_finish(x);
}

static void
on_failed(enum upstream_failure failure, const struct err *e, void *arg)
{
	struct exchange *x = arg;
	bool may_repeat = failure == UPSTREAM_STALE && !x->was_retried && can_be_repeated(x);

	upstream_release(x->upstream);
	x->upstream = NULL;
	x->upstream_paused = false;
	if (may_repeat) {
		x->was_retried = true;
		send_upstream(x, UPSTREAM_FRESH);
		return;
	}
	log_warn(&x->log, "upstream failed", log_err(e));
	if (x->state != EXCHANGE_FORWARD) {
		break_off(x);
		return;
	}
	switch (failure) {
	case UPSTREAM_UNREACHABLE:
		reply_waiting(x);
		break;
	case UPSTREAM_TIMEOUT:
		reply_status(x, 504);
		break;
	case UPSTREAM_STALE:
	case UPSTREAM_BAD_ANSWER:
	case UPSTREAM_BROKEN:
		reply_status(x, 502);
		break;
	}
}

/* The end */

static void
on_close_timer(void *arg)
{
	break_off(arg);
}

void
exchange_close(struct exchange *x, unsigned close_code)
{
	if (x->state == EXCHANGE_TUNNEL && x->close_code == 0) {
		x->close_code = close_code;
		if (websocket_is_at_boundary(&x->to_client)) {
			close_tunnel(x);
			return;
		}
		loop_timer_init(&x->timer, x->proxy->loop, on_close_timer, x);
		loop_timer_start(&x->timer, CLOSE_PATIENCE_MS);
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
	struct exchange *x = arg;

	log_info(&x->log, "session ended while in use", log_int("reason", reason));
	if (x->state == EXCHANGE_TUNNEL || x->state == EXCHANGE_EVENTS)
		exchange_close(x, WEBSOCKET_POLICY_VIOLATION);
	else if (x->state == EXCHANGE_RESPONSE)
		break_off(x);
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
	exchange_finish(x);
}

static void
log_access(const struct exchange *x)
{
	const struct request_head *r = &x->request;

	if (!x->proxy->settings->access_log)
		return;
	log_info(&x->log, "request", log_str("user", x->verdict.identity.username),
		 log_str("method", r->method), log_str("path", r->path),
		 log_int("status", x->status), log_int("request_bytes", (int64_t)x->request_bytes),
		 log_int("response_bytes", (int64_t)x->response_bytes),
		 log_int("duration_us", (int64_t)(clock_monotonic_us() - x->started_us)),
		 log_bool("upstream", x->route.kind == ROUTE_UPSTREAM && x->upstream != NULL));
}

static void
free_exchange(struct reap_entry *entry)
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
	log_access(x);
	x->state = EXCHANGE_OVER;
	if (x->auth_call != NULL)
		auth_cancel(x->auth_call);
	auth_watch_stop(&x->watch);
	loop_timer_fini(&x->timer);
	if (x->upstream != NULL)
		upstream_release(x->upstream);
	events_free(x->events);
	x->upstream = NULL;
	x->auth_call = NULL;
	x->events = NULL;
	x->stream->exchange = NULL;
	reap_later(&x->proxy->reaper, &x->reap, free_exchange);
}
