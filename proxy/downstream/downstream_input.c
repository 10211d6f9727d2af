/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a browser's bytes into exchanges: heads, bodies, tunnels. Bytes that are not needed yet
 * are buffered.
 */
#include "base/wipe.h"
#include "proxy/downstream/downstream_private.h"
#include "proxy/downstream/http2/http2_connection.h"

#define STEPS_PER_WAKE_UP    64
#define REQUESTS_PER_WAKE_UP 4	   /* their exchanges are freed after all wake-ups of the loop */
#define TLS_HANDSHAKE	     0x16  /* first byte of the record of a ClientHello */
#define ARENA_SPARE_BYTES    8192u /* for strings of an exchange besides the head */

static void
begin_exchange(struct downstream *d, const struct request_head *request, struct arena *arena)
{
	struct err e = ERR_INIT;

	http1_body_init(&d->body, d->request.framing, request->length);
	d->awaits_100 = headers_has(&request->headers, HEADER_EXPECT);
	d->body_ended = request->body == BODY_NONE;
	d->body_wanted = false;
	d->head_sent = d->keep_alive = false;
	rate_begin(&d->body_rate, d->conn.received_bytes);
	d->scan = (struct http1_scan){0};
	conn_read_reset(&d->conn);
	downstream_change_state(d, DOWNSTREAM_EXCHANGE);
	/* After the whole request, reads on to notice that the browser disconnects. */
	conn_want_read(&d->conn, d->body_ended);
	d->stream.protocol = d->request.is_http10 ? STREAM_HTTP10 : STREAM_HTTP11;
	if (exchange_start(d->proxy, &d->stream, arena, request) == NULL) {
		err_set(&e, ERR_MEMORY, "out of memory for a request");
		downstream_refuse(d, 500, STR_NONE, &e);
	}
}

static bool
may_receive_more(struct downstream *d, size_t received)
{
	return received <= d->proxy->limits.head_max_bytes || downstream_may_take_large_head(d);
}

static enum http1_found
scan_head(struct downstream *d, struct str data, unsigned *status)
{
	struct http1_limits limits = d->proxy->limits;

	/* The larger limit of heads is for cookies; the request line keeps its own. */
	if (limits.line_max_bytes == 0 || limits.line_max_bytes > limits.head_max_bytes)
		limits.line_max_bytes = limits.head_max_bytes;
	if (limits.head_max_bytes < DOWNSTREAM_HEAD_MAX)
		limits.head_max_bytes = DOWNSTREAM_HEAD_MAX;
	enum http1_found found = http1_scan_head(&d->scan, data, &limits, status);
	if (found == HTTP1_MORE && !may_receive_more(d, data.len)) {
		*status = 431;
		return HTTP1_BAD;
	}
	return found;
}

/* HTTP/2 with prior knowledge (RFC 9113 section 3.3) is accepted from trusted proxies. */
static bool
is_http2_preface(const struct downstream *d, struct str data)
{
	struct str preface = HTTP2_PREFACE;

	return data.data[0] == preface.data[0] && d->conn.received_bytes == data.len &&
	       str_starts_with(preface, str_take(data, preface.len)) && d->proxy->settings->http2 &&
	       !d->stream.is_tls &&
	       cidr_contains_text(&d->proxy->settings->trusted_proxies, d->stream.peer_ip);
}

/* Switches the connection to HTTP/2, which also consumes the preface. Returns the bytes consumed.
 */
static size_t
take_preface(struct downstream *d, char *data, size_t len)
{
	if (len < HTTP2_PREFACE.len) {
		if (d->state == DOWNSTREAM_IDLE)
			downstream_change_state(d, DOWNSTREAM_HEAD);
		return 0;
	}
	if (!http2_connection_start(d))
		return 0;
	return http2_connection_receive(d->http2, data, len);
}

/* Says which setting lets a client begin with HTTP/2, instead of that its version is unknown. */
static void
explain_http2_refusal(const struct downstream *d, struct str data, struct err *e)
{
	if (!str_starts_with(data, STR("PRI * HTTP/2.0\r\n")))
		return;
	if (!d->proxy->settings->http2)
		err_set(e, ERR_INPUT, "HTTP/2 needs HTTP2=on");
	else if (d->stream.is_tls)
		err_set(e, ERR_INPUT, "HTTP/2 without ALPN");
	else if (!cidr_contains_text(&d->proxy->settings->trusted_proxies, d->stream.peer_ip))
		err_set(e, ERR_INPUT, "HTTP/2 without TLS needs the peer in TRUSTED_PROXY_IPS");
}

static void
explain_bad_head(struct str data, unsigned status, struct err *e)
{
	if (data.data[0] == TLS_HANDSHAKE)
		err_set(e, ERR_INPUT, "TLS on a listener without TLS");
	else if (status == 431)
		err_set(e, ERR_LIMIT, "the request head exceeds HEAD_MAX_SIZE or HEADERS_MAX");
	else if (status == 414)
		err_set(e, ERR_LIMIT, "the request line exceeds URI_MAX_SIZE or HEAD_MAX_SIZE");
	else
		err_set(e, ERR_INPUT, "the request head is malformed");
}

/* Starts an exchange if the head is complete. Returns the bytes consumed; else 0. */
static size_t
take_head(struct downstream *d, struct str data)
{
	struct request_head request;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	switch (scan_head(d, data, &status)) {
	case HTTP1_MORE:
		if (d->state == DOWNSTREAM_IDLE)
			downstream_change_state(d, DOWNSTREAM_HEAD);
		return 0;
	case HTTP1_BAD:
		explain_bad_head(data, status, &e);
		downstream_refuse(d, status, data, &e);
		return 0;
	case HTTP1_COMPLETE:
		break;
	}
	size_t used = d->scan.at;
	downstream_release_large_head(d);
	arena_init(&arena, 4 * used + d->scan.lines * sizeof(struct header) + ARENA_SPARE_BYTES);
	char *head = arena_dup(&arena, str_take(data, used));
	if (head == NULL)
		status =
			(unsigned)err_set(&e, ERR_MEMORY, "out of memory for a request head") + 500;
	if (head == NULL || !http1_parse_request((struct str){head, used}, &d->scan, &request,
						 &d->request, &arena, &status, &e)) {
		arena_fini(&arena);
		explain_http2_refusal(d, data, &e);
		downstream_refuse(d, status, data, &e);
		return 0;
	}
	request.head_bytes = used;
	if (used > d->proxy->limits.head_max_bytes)
		d->request.keep_alive = false;
	begin_exchange(d, &request, &arena);
	return used;
}

static void
report_body_end(struct downstream *d)
{
	if (!d->body_ended || d->stream.exchange == NULL)
		return;
	d->body_wanted = false;
	downstream_arm(d);
	exchange_on_body_end(d->stream.exchange);
}

static size_t
take_body(struct downstream *d, char *data, size_t len)
{
	struct err e = ERR_INIT;
	size_t consumed;
	size_t produced;
	enum http1_found found = http1_body_decode(&d->body, data, len, &consumed, &produced);

	if (found == HTTP1_BAD) {
		err_set(&e, ERR_INPUT, "the request body's chunks are malformed");
		struct exchange *x = d->stream.exchange;
		bool head_sent = d->head_sent;
		d->stream.exchange = NULL;
		exchange_on_lost(x);
		if (head_sent)
			downstream_close(d);
		else
			downstream_refuse(d, 400, STR_NONE, &e);
		return 0;
	}
	d->awaits_100 = false;
	downstream_arm(d);
	/* Set this before the last bytes are delivered: the response to them may keep the
	 * connection only if the body has ended. */
	d->body_ended = found == HTTP1_COMPLETE;
	if (produced > 0)
		exchange_on_body(d->stream.exchange, (struct str){data, produced});
	report_body_end(d);
	return consumed;
}

struct conn *
downstream_body_sink(const struct downstream *d)
{
	if (d->state != DOWNSTREAM_EXCHANGE || d->stream.exchange == NULL || !d->body_wanted ||
	    d->body_ended || d->in.len > 0 || http1_body_bytes_left(&d->body) < CONN_SPLICE_MIN)
		return NULL;
	struct conn *to = exchange_sink(d->stream.exchange);
	return to != NULL && conn_can_splice(&d->conn, to) ? to : NULL;
}

void
downstream_on_spliced(struct downstream *d, size_t len)
{
	http1_body_consume(&d->body, len);
	d->awaits_100 = false;
	downstream_arm(d);
	d->body_ended = http1_body_is_done(&d->body);
	exchange_on_spliced(d->stream.exchange, len);
	report_body_end(d);
}

static size_t
take_start(struct downstream *d, char *data, size_t len)
{
	struct str view = {data, len};

	return is_http2_preface(d, view) ? take_preface(d, data, len) : take_head(d, view);
}

/* Does one step. Returns the number of bytes consumed; 0 to wait for more, or for the exchange. */
static size_t
take(struct downstream *d, char *data, size_t len)
{
	switch (d->state) {
	case DOWNSTREAM_IDLE:
		/* Unread responses must not accumulate. */
		if (conn_is_blocked(&d->conn))
			return 0;
		return take_start(d, data, len);
	case DOWNSTREAM_HEAD:
		return take_start(d, data, len);
	case DOWNSTREAM_EXCHANGE:
		return d->body_wanted && !d->body_ended ? take_body(d, data, len) : 0;
	case DOWNSTREAM_TUNNEL:
		if (!d->body_wanted)
			return 0;
		exchange_on_body(d->stream.exchange, (struct str){data, len});
		return len;
	case DOWNSTREAM_LINGER:
	case DOWNSTREAM_FLUSH:
		return len;
	case DOWNSTREAM_HTTP2:
		return http2_connection_receive(d->http2, data, len);
	case DOWNSTREAM_HANDSHAKE:
	case DOWNSTREAM_CLOSED:
		break;
	}
	return 0;
}

size_t
downstream_process(struct downstream *d, char *data, size_t len)
{
	int requests = 0;
	size_t at = 0;

	d->is_processing = true;
	for (int i = 0; i < STEPS_PER_WAKE_UP && requests < REQUESTS_PER_WAKE_UP && at < len; i++) {
		requests += d->state == DOWNSTREAM_IDLE || d->state == DOWNSTREAM_HEAD;
		size_t used = take(d, data + at, len - at);
		if (used == 0)
			break;
		at += used;
	}
	d->is_processing = false;
	return at;
}

bool
downstream_can_continue(const struct downstream *d)
{
	return (d->state == DOWNSTREAM_IDLE && !conn_is_blocked(&d->conn)) ||
	       ((d->state == DOWNSTREAM_EXCHANGE || d->state == DOWNSTREAM_TUNNEL) &&
		d->body_wanted);
}

void
downstream_stop_reading_ahead(struct downstream *d)
{
	if (!downstream_may_read_ahead(d) && !downstream_can_continue(d))
		conn_want_read(&d->conn, false);
}

void
downstream_on_bytes(struct downstream *d, char *scratch, size_t len)
{
	struct err e = ERR_INIT;
	struct buf held = d->in;
	char *data = scratch;
	size_t received = len;
	const struct exchange *x = d->stream.exchange;
	bool is_tunnel = d->state == DOWNSTREAM_TUNNEL;

	buf_init(&d->in, held.max);
	if (held.len > 0) {
		if (!buf_add(&held, scratch, len)) {
			err_set(&e, ERR_LIMIT, "too much data was sent before the response");
			log_info(&d->log, "connection aborted", log_err(&e));
			wipe_bytes(scratch, received);
			buf_wipe_fini(&held);
			downstream_close(d);
			return;
		}
		data = held.data;
		len = held.len;
	}
	size_t used = downstream_process(d, data, len);
	if (used == 0 && held.len > 0 && d->state != DOWNSTREAM_CLOSED) {
		d->in = held;
	} else {
		if (used < len && !buf_add(&d->in, data + used, len - used))
			downstream_close(d);
		buf_wipe_fini(&held);
	}
	/* Heads have cookies, and all connections share this memory. What was processed as a part
	 * of one body or tunnel has no head. */
	if (used < len || !(is_tunnel || (x != NULL && x == d->stream.exchange && !d->body_ended)))
		wipe_bytes(scratch, received);
	downstream_stop_reading_ahead(d);
	if (used > 0 && d->in.len > 0 && downstream_can_continue(d) && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
}
