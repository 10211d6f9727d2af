/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the codec's streams and exchanges: events start, feed and end exchanges, and their
 * responses become messages of the codec. See stream.h for the interface.
 */
#include "base/free_list.h"
#include "proxy/downstream/http2/http2_connection_private.h"
#include "proxy/downstream/http2/http2_connection_timer.h"
#include "proxy/downstream/refusal.h"

#define FREE_LIST_MAX 64

/* Limits of bytes of a response to read at once. */
#define READ_MIN 4096u
#define READ_MAX 65536u

static _Thread_local struct free_list free_list =
	FREE_LIST_INIT(sizeof(struct http2_exchange), FREE_LIST_MAX);

static struct http2_exchange *
of_stream(struct stream *s)
{
	return (struct http2_exchange *)(void *)((char *)s -
						 offsetof(struct http2_exchange, stream));
}

static struct http2_exchange *
of_codec(struct http2_stream *s)
{
	return (struct http2_exchange *)(void *)((char *)s -
						 offsetof(struct http2_exchange, codec));
}

static bool
exchange_is_blocked(const struct http2_exchange *x)
{
	const struct http2_connection *c = x->connection;

	return conn_is_blocked(&c->downstream->conn) || http2_stream_waiting(&x->codec) > 0 ||
	       http2_held_is_full(c);
}

/* Little is read for a stream that could not send more. */
static void
note_window(struct http2_exchange *x)
{
	size_t window = http2_stream_window(&x->codec);

	x->stream.read_max = window < READ_MIN ? READ_MIN : window < READ_MAX ? window : READ_MAX;
}

/* Connections with a signed-in user get larger windows. */
static void
note_user(struct http2_exchange *x)
{
	struct downstream *d = x->connection->downstream;

	if (!x->stream.has_user || d->stream.has_user)
		return;
	d->stream.has_user = true;
	http2_trust(x->connection->codec);
}

/* At the connection's limit of unsent bytes, blocks all exchanges, even if their streams are not
 * blocked. */
static void
stop_others(struct http2_connection *c)
{
	struct http2_exchange *x;

	http2_held_note(c);
	if (!http2_held_is_full(c))
		return;
	LIST_FOREACH (x, &c->all, entry)
		if (x->stream.exchange != NULL)
			exchange_on_blocked(x->stream.exchange);
}

/* Called by exchanges */

static void
send_head(struct stream *s, const struct response_head *head)
{
	struct http2_exchange *x = of_stream(s);
	struct http2_connection *c = x->connection;
	bool is_interim = head->status < 200 && head->status != 101;

	note_user(x);
	if (c->downstream->proxy->is_shutting_down)
		http2_announce_end(c->codec);
	if (!http2_send_head(&x->codec, head))
		http2_connection_fail(c);
	if (!is_interim) {
		x->head_sent = true;
		x->is_tunnel = head->status == 101;
	}
	if (head->status == 100 && x->awaits_100) {
		x->awaits_100 = false;
		http2_timer_note_body(x);
	}
	if (is_interim || x->is_tunnel)
		http2_connection_settle_later(c);
}

static void
send_body(struct stream *s, struct str data)
{
	struct http2_exchange *x = of_stream(s);
	struct http2_connection *c = x->connection;

	if (!http2_send(&x->codec, data))
		http2_connection_fail(c);
	http2_connection_send_large(c);
	if (x->codec.length_left > 0)
		note_window(x);
	http2_timer_note_sending(x);
	stop_others(c);
}

static struct conn *
sink(struct stream *s)
{
	(void)s;
	return NULL;
}

/* Waits for the peer's end of the tunnel, such as a WebSocket's close frame. */
static void
linger(struct http2_exchange *x)
{
	x->linger_ms = loop_now_ms(x->connection->downstream->proxy->loop);
	http2_timer_check_within(x->connection, HTTP2_LINGER_MS);
}

static void
send_end(struct stream *s, const struct headers *trailers)
{
	struct http2_exchange *x = of_stream(s);
	struct http2_connection *c = x->connection;

	s->exchange = NULL;
	if (!http2_send_end(&x->codec, trailers))
		http2_connection_fail(c);
	http2_discard(&x->codec);
	if (x->is_tunnel && !x->codec.has_end)
		linger(x);
	http2_connection_settle_later(c);
}

static void
flush(struct stream *s)
{
	http2_connection_settle_later(of_stream(s)->connection);
}

static void
abort_stream(struct stream *s)
{
	struct http2_exchange *x = of_stream(s);

	s->exchange = NULL;
	http2_discard(&x->codec);
	http2_reset(&x->codec, HTTP2_INTERNAL_ERROR);
	http2_connection_settle_later(x->connection);
}

static bool
is_blocked(struct stream *s)
{
	struct http2_exchange *x = of_stream(s);
	bool blocked = exchange_is_blocked(x);

	if (blocked && !LIST_IS_LINKED(x, blocked))
		LIST_INSERT_HEAD(&x->connection->blocked, x, blocked);
	return blocked;
}

static void
want_body(struct stream *s, bool wanted)
{
	struct http2_exchange *x = of_stream(s);

	note_user(x);
	http2_want_data(&x->codec, wanted);
	if (wanted && s->has_user)
		http2_widen_stream(&x->codec);
	http2_timer_note_body(x);
	if (wanted)
		http2_connection_settle_later(x->connection);
}

static const struct stream_ops stream_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.sink = sink,
	.send_end = send_end,
	.flush = flush,
	.abort = abort_stream,
	.is_blocked = is_blocked,
	.want_body = want_body,
};

struct http2_stream *
http2_exchange_open(void *arg)
{
	struct http2_connection *c = arg;
	struct downstream *d = c->downstream;
	struct http2_exchange *x = free_list_take(&free_list);

	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->connection = c;
	x->stream.ops = &stream_ops;
	x->stream.log = &d->log;
	x->stream.peer_ip = d->stream.peer_ip;
	x->stream.is_tls = d->stream.is_tls;
	x->stream.protocol = STREAM_HTTP2;
	LIST_INSERT_HEAD(&c->all, x, entry);
	c->is_table_trimmed = false;
	return &x->codec;
}

/* Events of the codec */

static void
lose(struct http2_exchange *x)
{
	struct exchange *exchange = x->stream.exchange;

	x->stream.exchange = NULL;
	if (exchange != NULL)
		exchange_on_lost(exchange);
}

/* Sends a response without an exchange. */
static void
refuse(struct http2_exchange *x, unsigned status, bool is_html, bool is_head)
{
	struct refusal refusal;

	refusal_init(&refusal, x->connection->downstream->proxy, status, is_html);
	const struct response_head head = {
		.status = status,
		.headers = refusal.headers,
		.body = is_head || refusal.body.len == 0 ? BODY_NONE : BODY_LENGTH,
		.length = refusal.body.len,
		.has_length = true,
	};
	send_head(&x->stream, &head);
	if (head.body == BODY_LENGTH)
		send_body(&x->stream, buf_view(&refusal.body));
	send_end(&x->stream, NULL);
	refusal_fini(&refusal);
}

/* At the limit of memory for heads, resets the stream with REFUSED_STREAM: browsers repeat such
 * requests. */
static bool
take_room(struct http2_exchange *x, struct http2_event *event)
{
	if (http2_held_has_room(x->connection, event->request.head_bytes))
		return true;
	arena_fini(&event->arena);
	http2_discard(&x->codec);
	http2_reset(&x->codec, HTTP2_REFUSED_STREAM);
	return false;
}

static void
reject(struct http2_exchange *x, struct http2_event *event)
{
	const struct request_head *r = &event->request;
	struct str accept;

	if (!take_room(x, event))
		return;
	(void)headers_find(&r->headers, HEADER_ACCEPT, &accept);
	log_info(&x->connection->downstream->log, "request refused",
		 log_int("status", event->status), log_err(&event->e));
	refuse(x, event->status, refusal_is_html(accept), str_equal(r->method, STR("HEAD")));
	arena_fini(&event->arena);
}

/* Schedules a flush of the upstream at the end of this wake-up. */
static void
add_to_round(struct http2_exchange *x)
{
	if (x->stream.exchange != NULL && !LIST_IS_LINKED(x, round))
		LIST_INSERT_HEAD(&x->connection->rounds, x, round);
}

static void
begin(struct http2_exchange *x, struct http2_event *event)
{
	struct http2_connection *c = x->connection;
	const struct request_head *r = &event->request;

	if (!take_room(x, event))
		return;
	note_window(x);
	x->head_bytes = r->head_bytes;
	c->head_bytes += x->head_bytes;
	x->has_body = r->body != BODY_NONE;
	x->awaits_100 = headers_has(&r->headers, HEADER_EXPECT);
	if (!x->has_body && !r->wants_websocket)
		http2_discard(&x->codec);
	if (exchange_start(c->downstream->proxy, &x->stream, &event->arena, r) == NULL)
		http2_reset(&x->codec, HTTP2_INTERNAL_ERROR);
	else if (x->has_body)
		add_to_round(x);
}

static void
take_data(struct http2_exchange *x, struct str data)
{
	x->awaits_100 = false;
	http2_timer_note_body(x);
	if (x->stream.exchange != NULL)
		exchange_on_body(x->stream.exchange, data);
	http2_took_data(&x->codec, data.len);
	if (x->stream.exchange == NULL)
		http2_discard(&x->codec);
	else
		add_to_round(x);
}

/* Chromium ends its side of a tunnel together with its close frame, before ours. */
static void
take_end(struct http2_exchange *x)
{
	struct exchange *exchange = x->stream.exchange;

	if (exchange == NULL)
		return;
	if (x->codec.is_connect) {
		linger(x);
		return;
	}
	http2_want_data(&x->codec, false);
	http2_timer_note_body(x);
	if (x->has_body) {
		exchange_on_body_end(exchange);
		exchange_on_read_done(exchange);
	}
}

static void
free_exchange(struct deferred_free_entry *entry)
{
	free_list_give(&free_list, (struct http2_exchange *)(void *)entry); /* its first member */
}

static void
unlink_exchange(struct http2_exchange *x)
{
	LIST_UNLINK(x, entry);
	LIST_UNLINK(x, blocked);
	LIST_UNLINK(x, round);
}

static void
end_stream(struct http2_exchange *x)
{
	struct http2_connection *c = x->connection;
	struct downstream *d = c->downstream;

	lose(x);
	d->stream.has_user |= x->stream.has_user;
	c->head_bytes -= x->head_bytes;
	unlink_exchange(x);
	deferred_free_add(&d->proxy->deferred_frees, &x->deferred_free, free_exchange);
	if (!LIST_EMPTY(&c->all))
		return;
	http2_timer_note_idle(c);
}

static void
take_event(struct http2_event *event)
{
	struct http2_exchange *x = of_codec(event->stream);

	switch (event->kind) {
	case HTTP2_EVENT_HEAD:
		begin(x, event);
		return;
	case HTTP2_EVENT_REJECTED:
		reject(x, event);
		return;
	case HTTP2_EVENT_DATA:
		take_data(x, event->data);
		return;
	case HTTP2_EVENT_END:
		take_end(x);
		return;
	case HTTP2_EVENT_CLOSED:
		end_stream(x);
		return;
	case HTTP2_EVENT_NONE:
		break;
	}
}

void
http2_streams_dispatch_events(struct http2_connection *c)
{
	struct http2_event event;

	while (http2_next_event(c->codec, &event))
		take_event(&event);
}

static struct http2_exchange *
take_round(struct http2_connection *c)
{
	struct http2_exchange *x = LIST_FIRST(&c->rounds);

	if (x != NULL)
		LIST_UNLINK(x, round);
	return x;
}

void
http2_streams_flush_rounds(struct http2_connection *c)
{
	struct http2_exchange *x;

	while ((x = take_round(c)) != NULL)
		if (x->stream.exchange != NULL)
			exchange_on_read_done(x->stream.exchange);
}

static void
notify_drained(struct http2_exchange *x)
{
	LIST_UNLINK(x, blocked);
	http2_timer_note_sending(x);
	if (exchange_is_blocked(x))
		LIST_INSERT_HEAD(&x->connection->blocked, x, blocked);
	else if (x->stream.exchange != NULL) {
		note_window(x);
		exchange_on_drained(x->stream.exchange);
	}
}

void
http2_streams_notify_drained(struct http2_connection *c)
{
	struct http2_exchanges waiting;

	LIST_MOVE_ALL(&waiting, &c->blocked, blocked);
	while (!LIST_EMPTY(&waiting))
		notify_drained(LIST_FIRST(&waiting));
}

void
http2_streams_lose_all(struct http2_connection *c)
{
	struct http2_exchange *x;
	struct http2_exchange *next;

	LIST_FOREACH_SAFE (x, &c->all, entry, next)
		lose(x);
}

void
http2_exchange_time_out(struct http2_exchange *x, const struct err *e)
{
	struct downstream *d = x->connection->downstream;
	bool may_answer = http2_exchange_waits_for_body(x) && !x->head_sent;

	log_debug(&d->log, "stream aborted", log_err(e));
	lose(x);
	if (may_answer) {
		refuse(x, 408, false, false);
		return;
	}
	http2_discard(&x->codec);
	if (x->is_tunnel && x->codec.has_end)
		send_end(&x->stream, NULL);
	else
		http2_reset(&x->codec, x->linger_ms != 0 ? HTTP2_NO_ERROR : HTTP2_CANCEL);
	http2_connection_settle_later(x->connection);
}
