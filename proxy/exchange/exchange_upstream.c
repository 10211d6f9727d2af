/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream's side of an exchange: the request written anew for it, and its response passed on,
 * as it comes and no faster than the browser takes it. What of a response may pass is forward.c's
 * business.
 */
#include <stdlib.h>

#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/hsts.h"
#include "proxy/exchange/reply.h"
#include "proxy/exchange/response_coding.h"
#include "proxy/http/forward.h"

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
	x->upstream = upstream_acquire(exchange_server(x), wish, &upstream_handler, x, &e);
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

void
exchange_forward(struct exchange *x)
{
	send_upstream(x, can_be_repeated(x) ? UPSTREAM_ANY : UPSTREAM_RECENT);
}

/* The response */

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
	if (x->log.fields[1].name.len > 0)
		x->log.fields[1].text = x->client;
	x->forwarded_for = STR_NONE;
	x->origin = STR_NONE;
	x->kept = kept;
	arena_fini(&x->arena);
}

static void
put_off_ping(struct exchange *x)
{
	uint64_t interval_ms = x->proxy->settings->websocket_ping_ms;

	if (interval_ms > 0)
		exchange_start_timer(x, interval_ms);
}

void
exchange_ping(struct exchange *x)
{
	struct stream *s = x->stream;

	if (websocket_is_at_boundary(&x->to_client) && !s->ops->is_blocked(s)) {
		s->ops->send_body(s, WEBSOCKET_PING);
		s->ops->flush(s);
	}
	put_off_ping(x);
}

static void
begin_tunnel(struct exchange *x)
{
	x->proxy->metrics.websockets_opened++;
	shed_head(x);
	x->state = EXCHANGE_TUNNEL;
	x->request_ended = false;
	x->stream->ops->want_body(x->stream, true);
	put_off_ping(x);
	if (x->proxy->draining)
		exchange_close(x, WEBSOCKET_GOING_AWAY);
}

static void
on_head(struct response_head *head, void *arg)
{
	struct exchange *x = arg;
	struct stream *s = x->stream;

	forward_filter_response(x->proxy->auth, head);
	if (head->status >= 200 || head->status == 101) {
		x->status = head->status;
		x->state = EXCHANGE_RESPONSE;
		/* The codec leaves room for these. */
		for (size_t i = 0; i < x->verdict.set_cookies_count; i++)
			headers_add_own(&head->headers, STR("Set-Cookie"),
					str_from(x->verdict.set_cookies[i]));
		add_date(x, &head->headers);
		hsts_set(x, &head->headers);
		response_coding_start(x, head);
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

void
exchange_close_tunnel(struct exchange *x)
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
	if (x->close_code == 0)
		put_off_ping(x);
	else if (websocket_is_at_boundary(&x->to_client))
		exchange_close_tunnel(x);
}

static void
on_body(struct str data, void *arg)
{
	struct exchange *x = arg;

	if (x->compressor != NULL) {
		if (response_coding_send(x, data))
			pause_when_blocked(x);
		else
			exchange_break_off(x);
		return;
	}
	x->response_bytes += data.len;
	x->proxy->metrics.response_bytes += data.len;
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
	x->proxy->metrics.response_bytes += len;
	x->stream->ops->flush(x->stream);
	pause_when_blocked(x);
}

static void
on_end(void *arg)
{
	struct exchange *x = arg;

	if (!response_coding_end(x)) {
		exchange_break_off(x);
		return;
	}
	x->stream->ops->send_end(x->stream);
	exchange_finish(x);
}

static void
on_round(void *arg)
{
	struct exchange *x = arg;

	if (!response_coding_flush(x)) {
		exchange_break_off(x);
		return;
	}
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

void
exchange_break_off(struct exchange *x)
{
	x->stream->ops->abort(x->stream);
	exchange_finish(x);
}

static void
on_failed(enum upstream_failure failure, const struct err *e, void *arg)
{
	struct exchange *x = arg;
	bool may_repeat =
		!x->was_retried && ((failure == UPSTREAM_STALE && can_be_repeated(x)) ||
				    (failure == UPSTREAM_UNREACHABLE && x->target != NULL &&
				     x->state == EXCHANGE_FORWARD && !x->body_started));

	x->proxy->metrics.upstream_failures[failure]++;
	upstream_release(x->upstream);
	x->upstream = NULL;
	x->upstream_paused = false;
	if (may_repeat) {
		x->was_retried = true;
		x->proxy->metrics.upstream_repeats++;
		send_upstream(x, UPSTREAM_FRESH);
		return;
	}
	log_warn(&x->log, "upstream failed", log_err(e));
	if (x->state != EXCHANGE_FORWARD) {
		exchange_break_off(x);
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
