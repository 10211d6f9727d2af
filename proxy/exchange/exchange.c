/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts an exchange, collects the form of one of our endpoints, requests the verdict, and
 * receives the request's body from the stream.
 */
#include "proxy/exchange/exchange.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/exchange_ssh.h"
#include "proxy/exchange/response/reply.h"
#include "proxy/exchange/response/response_coding.h"
#include "proxy/http/forward.h"

#define BROKER_BODY_MS 10000u /* timeout for the body of a request for the token broker */

_Static_assert(BROKER_BODY_MAX <= AUTH_BODY_MAX, "a form takes a whole request");

static void route_request(struct exchange *x);
static void on_auth_done(struct auth_verdict *v, void *arg);

/* Sixteen hexadecimal digits: 32 random bits of this process, then a counter. */
static void
make_id(struct exchange *x)
{
	uint64_t count = x->proxy->requests++;

	memcpy(x->id, x->proxy->boot_id, 8);
	for (int i = 15; i >= 8; i--, count >>= 4)
		x->id[i] = "0123456789abcdef"[count & 15];
	x->id[16] = '\0';
}

/* Keeps the X-Request-Id of a trusted proxy, so that its log lines and ours have the same id. */
static void
adopt_id(struct exchange *x)
{
	struct str name = STR("x-request-id");
	struct str id;

	if (!headers_has(&x->request.headers, HEADER_X_REQUEST_ID))
		return;
	id = headers_get(&x->request.headers, name, 0);
	if (id.len == 0 || id.len >= sizeof(x->id) ||
	    headers_get(&x->request.headers, name, 1).data != NULL ||
	    !ascii_all_alnum_or(id, STR("-_.")) ||
	    !cidr_contains_text(&x->proxy->settings->trusted_proxies, x->stream->peer_ip))
		return;
	memcpy(x->id, id.data, id.len);
	x->id[id.len] = '\0';
}

static void
on_form_timer(void *arg)
{
	reply_status(arg, 408);
}

static bool
expects_100(const struct exchange *x, struct str *expected)
{
	return headers_find(&x->request.headers, HEADER_EXPECT, expected) > 0 &&
	       str_equal_nocase(*expected, STR("100-continue"));
}

/* Receives the body of a POST to an endpoint of ours. One deadline covers the whole body, because
 * anonymous clients may post as well. A client may wait for 100 (RFC 9110 section 10.1.1). */
static void
receive_form(struct exchange *x)
{
	static const struct response_head continue_head = {.status = 100};
	struct stream *s = x->stream;
	struct str expected;
	uint64_t timeout_ms = x->proxy->settings->body_timeout_ms;

	if (x->route.kind == ROUTE_BROKER && timeout_ms > BROKER_BODY_MS)
		timeout_ms = BROKER_BODY_MS;
	x->state = EXCHANGE_FORM;
	loop_timer_init(&x->timer, x->proxy->loop, on_form_timer, x);
	loop_timer_start(&x->timer, timeout_ms);
	if (expects_100(x, &expected))
		s->ops->send_head(s, &continue_head);
	s->ops->want_body(s, true);
}

/* Adds the dot at the end of the host to x->origin: browsers include it in Origin. */
static bool
add_dot(struct exchange *x)
{
	size_t scheme = strlen("https://");
	struct str authority = str_skip(x->origin, scheme);
	size_t host = scheme + str_take(authority, str_find_byte(authority, ':')).len;

	x->origin =
		str_from(arena_printf(&x->arena, "%.*s.%.*s", STR_FMT(str_take(x->origin, host)),
				      STR_FMT(str_skip(x->origin, host))));
	return !str_is_empty(x->origin);
}

static bool
find_origin(struct exchange *x)
{
	const struct proxy *p = x->proxy;

	x->origin = p->origin;
	if (x->route.port != 0) {
		x->log.fields[2] = log_int("port", x->route.port);
		x->origin = str_from(auth_port_origin(p->auth, x->route.port, &x->arena));
	}
	return !str_is_empty(x->origin) && (!x->request.has_dot || add_dot(x));
}

/* Our own endpoints accept larger heads, so that users can sign in and out even if their browser
 * sends too many cookies of other servers. */
static bool
is_head_too_large(const struct exchange *x)
{
	const struct proxy *p = x->proxy;
	size_t max = p->limits.head_max_bytes;

	return x->request.head_bytes > max && x->route.kind == ROUTE_UPSTREAM &&
	       x->request.head_bytes - forward_count_own_cookies(p->auth, &x->request.headers) >
		       max;
}

static struct exchange *
new_exchange(struct proxy *p, struct stream *s, struct arena *arena,
	     const struct request_head *request)
{
	struct exchange *x = exchange_alloc();

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
	adopt_id(x);
	x->log.parent = s->log;
	x->log.fields[0] = log_cstr("request_id", x->id);
	buf_init(&x->form, AUTH_BODY_MAX);
	auth_verdict_init(&x->verdict);
	return x;
}

/* Sets route, origin and client address. False: out of memory. */
static bool
find_route_and_client(struct exchange *x)
{
	const struct proxy *p = x->proxy;

	x->route = route_find(p, &x->request);
	if (!find_origin(x) ||
	    !forward_find_client(&p->settings->trusted_proxies, &x->request.headers,
				 x->stream->peer_ip, &x->arena, &x->client, &x->forwarded_for))
		return false;
	if (!str_equal(x->client, x->stream->peer_ip))
		x->log.fields[1] = log_str("client", x->client);
	return true;
}

/* Whether the request may be a script's POST to a port, which is redirected through our endpoints
 * with its body. */
static bool
is_handed_over(const struct exchange *x)
{
	return x->route.kind == ROUTE_AUTH && (x->route.endpoint == AUTH_ENDPOINT_PORT ||
					       x->route.endpoint == AUTH_ENDPOINT_CALLBACK);
}

static bool
wants_form(const struct exchange *x)
{
	return (x->route.kind == ROUTE_AUTH || x->route.kind == ROUTE_WORKSPACE ||
		x->route.kind == ROUTE_BROKER) &&
	       !is_handed_over(x) && str_equal(x->request.method, STR("POST")) && !x->request_ended;
}

/* Returns the status with which to reject the request, or 0. */
static unsigned
check_request(struct exchange *x)
{
	struct str expected;

	if (is_head_too_large(x)) {
		log_info(&x->log, "request head is larger than HEAD_MAX_SIZE",
			 log_int("head_bytes", (int64_t)x->request.head_bytes));
		return 431;
	}
	if (!expects_100(x, &expected) && expected.data != NULL)
		return 417;
	return wants_form(x) && x->request.length > AUTH_BODY_MAX ? 413 : 0;
}

struct exchange *
exchange_start(struct proxy *p, struct stream *s, struct arena *arena,
	       const struct request_head *request)
{
	struct exchange *x = new_exchange(p, s, arena, request);

	if (x == NULL)
		return NULL;
	unsigned status = find_route_and_client(x) ? check_request(x) : 500;
	if (status != 0)
		reply_status(x, status);
	else if (wants_form(x))
		receive_form(x);
	else
		route_request(x);
	return x;
}

static void
send_broker_reply(struct exchange *x, const struct broker_reply *reply)
{
	if (reply->status == 200)
		reply_body(x, 200, "application/octet-stream", buf_view(&reply->body));
	else
		reply_status(x, reply->status);
}

static void
on_broker_done(const struct broker_reply *reply, void *arg)
{
	struct exchange *x = arg;

	x->broker_call = NULL;
	send_broker_reply(x, reply);
	exchange_on_read_done(x);
}

/* Answers the relay's token endpoint. Requests and responses are sealed; every request that is
 * sealed with the key of a workspace gets status 200. */
static void
ask_broker(struct exchange *x)
{
	struct broker_reply reply;

	if (!str_equal(x->request.method, STR("POST"))) {
		reply_wrong_method(x, "POST");
		return;
	}
	x->broker_call = broker_start(x->proxy->broker, buf_view(&x->form), &x->log, &reply,
				      on_broker_done, x);
	if (x->broker_call != NULL)
		return;
	send_broker_reply(x, &reply);
	buf_fini(&reply.body);
}

/* Handles the request, whose form, if any, is complete. */
static void
route_request(struct exchange *x)
{
	struct auth_facts facts = exchange_facts(x);

	x->state = EXCHANGE_AUTH;
	switch (x->route.kind) {
	case ROUTE_MISDIRECTED:
		reply_status(x, 421);
		return;
	case ROUTE_NO_PORT:
		reply_problem(x, 421, AUTH_PROBLEM_NO_PORT);
		return;
	case ROUTE_UNKNOWN:
		reply_status(x, 404);
		return;
	case ROUTE_AUTH:
		x->auth_call = auth_answer(x->proxy->auth, x->route.endpoint, &facts, &x->verdict,
					   on_auth_done, x);
		break;
	case ROUTE_JWKS:
		reply_jwks(x);
		return;
	case ROUTE_RELAY:
		relay_answer(x->proxy->relay, x->route.relay, &facts, &x->verdict);
		break;
	case ROUTE_BROKER:
		ask_broker(x);
		return;
	case ROUTE_SSH:
		if (exchange_ssh_is_from_browser(x)) {
			reply_problem(x, 403, AUTH_PROBLEM_CROSS_SITE);
			return;
		}
		x->auth_call =
			auth_check_device(x->proxy->auth, &facts, &x->verdict, on_auth_done, x);
		break;
	case ROUTE_WORKSPACE:
	case ROUTE_LOG:
		x->auth_call =
			auth_check_user(x->proxy->auth, &facts, &x->verdict, on_auth_done, x);
		break;
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
	exchange_on_read_done(x);
}

/* Ends the request whose chunked body exceeds the limit. Its upstream connection is closed, so that
 * the server does not take the part that it received for the whole body. */
static void
reject_body(struct exchange *x)
{
	log_info(&x->log, "request body is larger than BODY_MAX_SIZE",
		 log_int("request_bytes", (int64_t)x->request_bytes));
	if (x->state == EXCHANGE_RESPONSE) {
		exchange_abort(x);
		return;
	}
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_status(x, 413);
}

static void
note_use(struct exchange *x)
{
	if (x->verdict.session == NULL) /* a public port: not a user */
		return;
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
		reject_body(x);
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
	case EXCHANGE_SSH:
		exchange_ssh_on_frames(x, data);
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
exchange_on_spliced(struct exchange *x, size_t len)
{
	x->request_bytes += len;
	x->proxy->metrics.request_bytes += len;
	note_use(x);
	x->body_started = true;
	upstream_on_spliced(x->upstream);
	if (upstream_is_blocked(x->upstream))
		x->stream->ops->want_body(x->stream, false);
}

void
exchange_on_body_end(struct exchange *x)
{
	x->request_ended = true;
	if (x->state == EXCHANGE_FORM) {
		loop_timer_fini(&x->timer);
		route_request(x);
	} else if (x->upstream != NULL) {
		upstream_send_end(x->upstream);
	}
}

void
exchange_on_read_done(struct exchange *x)
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
		response_coding_limit_reads(x);
		upstream_want_read(x->upstream, true);
	}
	if (x->part != NULL && x->part->on_drained != NULL)
		x->part->on_drained(x);
}

void
exchange_on_lost(struct exchange *x)
{
	x->was_lost = true;
	exchange_finish(x);
}
