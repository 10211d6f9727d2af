/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a browser's bytes to exchanges: heads, bodies, tunnels. Bytes that nobody wants yet are
 * held.
 */
#include "proxy/downstream/downstream_private.h"

#define REQUESTS_PER_WAKE_UP 16
#define TLS_HANDSHAKE	     0x16  /* first byte of a ClientHello's record */
#define LARGE_HEADS_MAX	     16u   /* at the same time: they bound the memory of such heads */
#define ARENA_SPARE_BYTES    8192u /* for what an exchange makes besides the head */

/* Whether the response is for a person: as far as an incomplete head tells. */
static bool
takes_html(struct str head)
{
	return str_find(head, STR("text/html")) != SIZE_MAX;
}

static void
write_page_fields(const struct pages *pages, bool is_html, struct buf *out)
{
	if (!is_html) {
		buf_add_str(out, STR("Content-Type: application/json\r\nCache-Control: no-store\r\n"
				     "X-Content-Type-Options: nosniff\r\n"));
		return;
	}
	buf_add_str(out, STR("Content-Type: text/html; charset=utf-8\r\n"));
	for (const struct page_header *f = pages_headers(pages, PAGE_ERROR); f->name != NULL; f++)
		http1_write_field(out, str_from(f->name), str_from(f->value));
}

/* Written without an exchange: there is no request that one could belong to. */
void
downstream_refuse(struct downstream *d, unsigned status, struct str head, const struct err *e)
{
	const struct page page = {.kind = PAGE_ERROR, .status = status};
	const struct pages *pages = d->proxy->pages;
	struct buf *out = conn_out(&d->conn);
	bool is_html = takes_html(head);
	struct buf body;

	log_info(&d->log, "request refused", log_int("status", status), log_err(e));
	buf_init(&body, is_html ? PAGES_HTML_MAX : PAGES_JSON_MAX);
	if (!(is_html ? pages_render_html(pages, &page, &body) : pages_render_json(&page, &body)))
		buf_clear(&body);
	http1_write_status_line(out, status);
	http1_write_field(out, STR("Date"), str_from(proxy_date(d->proxy)));
	write_page_fields(pages, is_html, out);
	http1_write_field_u64(out, STR("Content-Length"), body.len);
	buf_add_str(out, STR("Connection: close\r\n\r\n"));
	if (!str_starts_with(head, STR("HEAD ")))
		buf_add_str(out, buf_view(&body));
	buf_fini(&body);
	if (d->state != DOWNSTREAM_EXCHANGE)
		downstream_change_state(d, DOWNSTREAM_EXCHANGE);
	downstream_close_when_sent(d);
}

static void
begin_exchange(struct downstream *d, const struct request_head *request, struct arena *arena)
{
	struct err e = ERR_INIT;
	struct str unused;

	http1_body_init(&d->body, d->request.framing, request->length);
	d->awaits_100 = headers_find(&request->headers, HEADER_EXPECT, &unused) > 0;
	d->body_ended = request->body == BODY_NONE;
	d->body_wanted = false;
	d->head_sent = d->keep_alive = false;
	rate_begin(&d->body_rate, d->conn.received_bytes);
	d->scan = (struct http1_scan){0};
	conn_read_reset(&d->conn);
	downstream_change_state(d, DOWNSTREAM_EXCHANGE);
	/* After a whole request, reading goes on to see the browser leave. */
	conn_want_read(&d->conn, d->body_ended);
	if (exchange_start(d->proxy, &d->stream, arena, request) == NULL) {
		err_set(&e, ERR_MEMORY, "no memory for a request");
		downstream_refuse(d, 500, STR_NONE, &e);
	}
}

void
downstream_release_large_head(struct downstream *d)
{
	d->proxy->large_heads_count -= d->has_large_head;
	d->has_large_head = false;
}

static bool
may_receive_more(struct downstream *d, size_t received)
{
	struct proxy *p = d->proxy;

	if (received <= p->limits.head_max_bytes || d->has_large_head)
		return true;
	d->has_large_head = p->large_heads_count < LARGE_HEADS_MAX;
	p->large_heads_count += d->has_large_head;
	return d->has_large_head;
}

static enum http1_found
scan_head(struct downstream *d, struct str data, unsigned *status)
{
	struct http1_limits limits = d->proxy->limits;

	/* The larger limit is for cookies, not for the request line. */
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

/* Returns the bytes used, 0 when the head is not whole. */
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
		err_set(&e, ERR_INPUT, "%s",
			data.data[0] == TLS_HANDSHAKE
				? "TLS on a listener without TLS"
				: "the request head is malformed or too large");
		downstream_refuse(d, status, data, &e);
		return 0;
	case HTTP1_WHOLE:
		break;
	}
	size_t used = d->scan.at;
	downstream_release_large_head(d);
	arena_init(&arena, 4 * used + d->scan.lines * sizeof(struct header) + ARENA_SPARE_BYTES);
	char *head = arena_dup(&arena, str_take(data, used));
	if (head == NULL)
		status = (unsigned)err_set(&e, ERR_MEMORY, "no memory for a request head") + 500;
	if (head == NULL || !http1_parse_request((struct str){head, used}, &d->scan, &request,
						 &d->request, &arena, &status, &e)) {
		arena_fini(&arena);
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
tell_body_end(struct downstream *d)
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
	/* Before the last bytes are told: an answer to them may keep the connection. */
	d->body_ended = found == HTTP1_WHOLE;
	if (produced > 0)
		exchange_on_body(d->stream.exchange, (struct str){data, produced});
	tell_body_end(d);
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
downstream_on_moved(struct downstream *d, size_t len)
{
	http1_body_consume(&d->body, len);
	d->awaits_100 = false;
	downstream_arm(d);
	d->body_ended = http1_body_is_done(&d->body);
	exchange_on_moved(d->stream.exchange, len);
	tell_body_end(d);
}

/* One step; returns how many bytes it used, 0 to wait. */
static size_t
take(struct downstream *d, char *data, size_t len)
{
	switch (d->state) {
	case DOWNSTREAM_IDLE:
		/* Answers that nobody reads must not pile up. */
		if (conn_is_blocked(&d->conn))
			return 0;
		return take_head(d, (struct str){data, len});
	case DOWNSTREAM_HEAD:
		return take_head(d, (struct str){data, len});
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
	case DOWNSTREAM_HANDSHAKE:
	case DOWNSTREAM_CLOSED:
		break;
	}
	return 0;
}

size_t
downstream_process(struct downstream *d, char *data, size_t len)
{
	size_t at = 0;

	d->is_processing = true;
	for (int i = 0; at < len; i++) {
		size_t used = i < 4 * REQUESTS_PER_WAKE_UP ? take(d, data + at, len - at) : 0;
		if (used == 0)
			break;
		at += used;
	}
	d->is_processing = false;
	return at;
}

/* Whether process could go on with what is held. */
bool
downstream_can_go_on(const struct downstream *d)
{
	return (d->state == DOWNSTREAM_IDLE && !conn_is_blocked(&d->conn)) ||
	       ((d->state == DOWNSTREAM_EXCHANGE || d->state == DOWNSTREAM_TUNNEL) &&
		d->body_wanted);
}

void
downstream_stop_reading_ahead(struct downstream *d)
{
	if (!downstream_may_read_ahead(d) && !downstream_can_go_on(d))
		conn_want_read(&d->conn, false);
}

/* Bytes in scratch or, with what was held before, in the buffer. What is left over is held. */
void
downstream_on_bytes(struct downstream *d, char *scratch, size_t len)
{
	struct err e = ERR_INIT;
	struct buf held = d->in;
	char *data = scratch;

	buf_init(&d->in, held.max);
	if (held.len > 0) {
		if (!buf_add(&held, scratch, len)) {
			err_set(&e, ERR_LIMIT, "more was sent ahead than may wait");
			log_info(&d->log, "connection cut", log_err(&e));
			buf_fini(&held);
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
		buf_fini(&held);
	}
	downstream_stop_reading_ahead(d);
	if (used > 0 && d->in.len > 0 && downstream_can_go_on(d) && conn_is_usable(&d->conn))
		loop_io_poke(&d->conn.io);
}
