/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads for all streams of a connection, ends it, and acts on deadlines. Exchanges run outside of
 * the codec. One timer checks all deadlines when the earliest may have passed.
 */
#include "proxy/downstream/http2/http2_connection.h"

#include <stdlib.h>

#include "base/wipe.h"
#include "proxy/downstream/http2/http2_connection_private.h"
#include "proxy/downstream/http2/http2_connection_timer.h"

#define WRITE_MAX  65536u /* bytes to encrypt and send at once */
#define UNSENT_MAX 65536  /* bytes in the kernel; low, so that small responses need not wait */

static void on_readable(void *arg);
static void on_drained(void *arg);
static void on_failed(const struct err *e, void *arg);

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_failed,
};

static bool
may_be_large(void *arg)
{
	const struct http2_connection *c = arg;

	return downstream_may_take_large_head(c->downstream);
}

static void
write_frames(struct str data, void *arg)
{
	const struct http2_connection *c = arg;
	struct conn *conn = &c->downstream->conn;

	conn_queue(conn, data);
	if (conn_out(conn)->len >= WRITE_MAX)
		conn_flush(conn);
}

static bool
is_blocked(void *arg)
{
	const struct http2_connection *c = arg;

	return conn_is_blocked(&c->downstream->conn) || !conn_is_usable(&c->downstream->conn);
}

static const struct http2_ops codec_ops = {
	.on_open = http2_exchange_open,
	.may_be_large = may_be_large,
	.write = write_frames,
	.is_blocked = is_blocked,
};

static void
on_failed(const struct err *e, void *arg)
{
	const struct http2_connection *c = arg;

	log_debug(&c->downstream->log, "connection failed", log_err(e));
	downstream_close(c->downstream);
}

/* Ends all exchanges, and returns the conn to the downstream. */
static void
stop(struct http2_connection *c)
{
	if (c->is_stopped)
		return;
	c->is_stopped = true;
	http2_streams_lose_all(c);
	http2_held_note(c);
	loop_defer_fini(&c->settle);
	loop_timer_fini(&c->timer);
	c->downstream->conn.ops = c->http1_ops;
	c->downstream->conn.arg = c->downstream;
}

/* Returns the connection to the downstream, which sends the queued bytes and closes. */
static void
close_when_sent(struct http2_connection *c)
{
	struct downstream *d = c->downstream;

	stop(c);
	downstream_close_when_sent(d);
}

/* Sends GOAWAY with this error, then closes. */
static void
end_connection(struct http2_connection *c, enum http2_error code, enum metrics_http2_end reason,
	       const struct err *e)
{
	struct downstream *d = c->downstream;

	if (reason == METRICS_HTTP2_TIMEOUT)
		log_debug(&d->log, "HTTP/2 connection ended", log_err(e));
	else
		log_info(&d->log, "HTTP/2 connection ended", log_err(e));
	d->proxy->metrics.http2_ended[reason]++;
	http2_streams_lose_all(c);
	http2_terminate(c->codec, code);
	(void)http2_pump(c->codec);
	close_when_sent(c);
}

/* Sending fails without memory, or at a limit: resets of ours count when they are sent. */
static void
end_failed(struct http2_connection *c)
{
	const char *failure = http2_find_failure(c->codec);
	struct err e = ERR_INIT;

	err_set(&e, failure != NULL ? ERR_PROTOCOL : ERR_MEMORY, "HTTP/2: %s",
		failure != NULL ? failure : "out of memory");
	end_connection(c, HTTP2_INTERNAL_ERROR, METRICS_HTTP2_FAULT, &e);
}

/* Closes a connection that has ended by GOAWAY, and logs the error if the codec has found one. */
static void
close_after_goaway(struct http2_connection *c)
{
	const char *fault = http2_find_fault(c->codec);
	struct downstream *d = c->downstream;
	struct err e = ERR_INIT;

	if (fault != NULL) {
		err_set(&e, ERR_PROTOCOL, "HTTP/2: %s", fault);
		log_info(&d->log, "HTTP/2 connection ended", log_err(&e));
		d->proxy->metrics.http2_ended[METRICS_HTTP2_FAULT]++;
	}
	close_when_sent(c);
}

/* Frees the place of a large head that is complete, or that was refused as malformed. */
static void
release_large_head(struct http2_connection *c)
{
	if (!http2_is_in_head(c->codec))
		downstream_release_large_head(c->downstream);
}

/* Runs at the end of a wake-up. */
static void
settle(struct http2_connection *c)
{
	do
		http2_streams_dispatch_events(c);
	while (http2_has_events(c->codec));
	release_large_head(c);
	http2_streams_flush_rounds(c);
	http2_connection_flush(c);
	http2_streams_notify_drained(c);
	http2_held_note(c);
	if (c->has_failed)
		end_failed(c);
	else if (http2_is_over(c->codec))
		close_after_goaway(c);
}

static void
on_settle(void *arg)
{
	settle(arg);
}

static bool
receive(struct http2_connection *c, char *data, size_t len)
{
	uint64_t now_ms = loop_now_ms(c->downstream->proxy->loop);
	struct err e = ERR_INIT;
	size_t used;

	do {
		if (!http2_receive(c->codec, data, len, &used, now_ms, &e)) {
			end_connection(c, HTTP2_INTERNAL_ERROR, METRICS_HTTP2_FAULT, &e);
			return false;
		}
		http2_streams_dispatch_events(c);
		data += used;
		len -= used;
	} while (len > 0 || http2_is_paused(c->codec));
	return true;
}

size_t
http2_connection_receive(struct http2_connection *c, char *data, size_t len)
{
	c->is_receiving = true;
	bool ok = receive(c, data, len);
	c->is_receiving = false;
	if (ok)
		settle(c);
	return len;
}

static void
on_readable(void *arg)
{
	struct http2_connection *c = arg;
	struct downstream *d = c->downstream;
	char *scratch = loop_scratch(d->proxy->loop);
	struct err e = ERR_INIT;
	size_t got = 0;

	for (size_t total = 0; total < CONN_READ_ROUND; total += got) {
		enum conn_read_result result =
			conn_read(&d->conn, scratch, HTTP2_RECEIVE_MAX, &got, &e);
		if (result == CONN_READ_AGAIN)
			return;
		if (result != CONN_READ_SOME) {
			log_debug(&d->log, "connection lost", log_err(&e));
			downstream_close(d);
			return;
		}
		(void)http2_connection_receive(c, scratch, got);
		wipe_bytes(scratch, got);
		if (d->state != DOWNSTREAM_HTTP2 || !d->conn.may_hold_bytes)
			return;
	}
}

static void
on_drained(void *arg)
{
	struct http2_connection *c = arg;

	c->downstream->unsent_bytes = SIZE_MAX;
	settle(c);
}

static void
end_lapsed_streams(struct http2_connection *c, struct http2_deadline_check *check)
{
	struct http2_exchange *x;
	struct http2_exchange *next;

	LIST_FOREACH_SAFE (x, &c->all, entry, next) {
		struct err e = ERR_INIT;
		const char *timeout = http2_timer_find_stream_timeout(x, check);

		if (timeout == NULL)
			continue;
		err_set(&e, ERR_TIMEOUT, "%s", timeout);
		http2_exchange_time_out(x, &e);
	}
}

/* Sends the last GOAWAY if the peer has not responded to the notice in time. */
static void
finish_drain(struct http2_connection *c, struct http2_deadline_check *check)
{
	if (c->drain_ms == 0 ||
	    !http2_timer_has_passed(check, c->drain_ms, DOWNSTREAM_LAST_REQUEST_MS))
		return;
	http2_begin_end(c->codec);
	http2_connection_settle_later(c);
}

static void
rest_when_idle(struct http2_connection *c, struct http2_deadline_check *check)
{
	if (!LIST_EMPTY(&c->all) || c->is_table_trimmed ||
	    !http2_timer_has_passed(check, c->idle_since_ms, HTTP2_IDLE_TRIM_MS))
		return;
	c->is_table_trimmed = true;
	http2_trim_idle(c->codec);
}

static void
on_timer(void *arg)
{
	struct http2_connection *c = arg;
	struct http2_deadline_check check = {.now_ms = loop_now_ms(c->downstream->proxy->loop),
					     .next_ms = UINT64_MAX};
	const char *timeout = http2_timer_find_timeout(c, &check);
	struct err e = ERR_INIT;

	if (timeout != NULL) {
		err_set(&e, ERR_TIMEOUT, "%s", timeout);
		end_connection(c, HTTP2_NO_ERROR, METRICS_HTTP2_TIMEOUT, &e);
		return;
	}
	end_lapsed_streams(c, &check);
	finish_drain(c, &check);
	rest_when_idle(c, &check);
	if (check.next_ms != UINT64_MAX)
		http2_timer_check_within(c, check.next_ms > 0 ? check.next_ms : 1);
}

static struct http2_connection *
new_connection(struct downstream *d, struct err *e)
{
	const struct proxy *p = d->proxy;
	struct http2_connection *c = err_alloc(e, sizeof(*c), "out of memory for HTTP/2");
	struct http2_options options = {
		.limits = {.head_max_bytes = p->limits.head_max_bytes,
			   .large_head_max_bytes = p->limits.head_max_bytes > DOWNSTREAM_HEAD_MAX
							   ? p->limits.head_max_bytes
							   : DOWNSTREAM_HEAD_MAX,
			   .headers_max = p->limits.headers_max,
			   .line_max_bytes = p->limits.line_max_bytes},
		.response_head_max_bytes = p->settings->response_head_max_bytes,
		.takes_websockets = p->settings->http2_websockets,
		.now_ms = loop_now_ms(p->loop),
	};

	if (c == NULL)
		return NULL;
	c->downstream = d;
	c->codec = http2_new(&options, &codec_ops, c, e);
	if (c->codec == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static void
free_connection(struct http2_connection *c)
{
	struct http2_exchange *x;
	struct http2_exchange *next;

	http2_free(c->codec);
	LIST_FOREACH_SAFE (x, &c->all, entry, next) {
		http2_stream_fini(&x->codec);
		free(x);
	}
	free(c);
}

static const struct http2_connection_ops connection_ops = {
	.stop = stop,
	.free = free_connection,
};

bool
http2_connection_start(struct downstream *d)
{
	struct err e = ERR_INIT;
	struct http2_connection *c = new_connection(d, &e);

	if (c == NULL) {
		log_error(&d->log, "connection can't be served", log_err(&e));
		downstream_close(d);
		return false;
	}
	d->http2 = c;
	d->http2_ops = &connection_ops;
	d->proxy->metrics.http2_connections++;
	c->http1_ops = d->conn.ops;
	d->conn.ops = &conn_ops;
	d->conn.arg = c;
	loop_defer_init(&c->settle, d->proxy->loop, on_settle, c);
	loop_timer_init(&c->timer, d->proxy->loop, on_timer, c);
	http2_timer_note_idle(c);
	conn_limit_unsent(&d->conn, UNSENT_MAX);
	downstream_change_state(d, DOWNSTREAM_HTTP2);
	if (d->proxy->draining)
		http2_connection_drain(c);
	http2_connection_flush(c);
	return true;
}

bool
http2_connection_is_idle(const struct http2_connection *c)
{
	return LIST_EMPTY(&c->all);
}

void
http2_connection_drain(struct http2_connection *c)
{
	struct http2_exchange *x;
	struct http2_exchange *next;

	c->drain_ms = loop_now_ms(c->downstream->proxy->loop);
	http2_announce_end(c->codec);
	LIST_FOREACH_SAFE (x, &c->all, entry, next)
		if (x->stream.exchange != NULL)
			exchange_close(x->stream.exchange, WEBSOCKET_GOING_AWAY);
	http2_timer_check_within(c, DOWNSTREAM_LAST_REQUEST_MS);
	http2_connection_settle_later(c);
}
