/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwards a request to the upstream and its response to the browser, with backpressure in both
 * directions. forward.c decides which fields pass.
 */
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/cors.h"
#include "proxy/exchange/response/hsts.h"
#include "proxy/exchange/response/reply.h"
#include "proxy/exchange/response/response_coding.h"
#include "proxy/http/forward.h"
#include "proxy/http/set_cookie.h"
#include "proxy/http/trailers.h"

static void on_head(struct response_head *head, void *arg);
static void on_body(struct str data, void *arg);
static struct conn *sink(void *arg);
static void on_spliced(size_t len, void *arg);
static void on_half_close(void *arg);
static void on_end(struct headers *trailers, void *arg);
static void on_read_done(void *arg);
static void on_drained(void *arg);
static void on_failed(enum upstream_failure failure, const struct err *e, void *arg);

static const struct upstream_handler upstream_handler = {
	.on_head = on_head,
	.on_body = on_body,
	.sink = sink,
	.on_spliced = on_spliced,
	.on_half_close = on_half_close,
	.on_end = on_end,
	.on_read_done = on_read_done,
	.on_drained = on_drained,
	.on_failed = on_failed,
};

/* Whether the request may be sent twice: its method is idempotent (RFC 9110 section 9.2.2), and no
 * part of its body was sent. */
static bool
can_be_repeated(const struct exchange *x)
{
	struct str m = x->request.method;

	return x->request.body == BODY_NONE && x->request.upgrade.len == 0 &&
	       (str_equal(m, STR("GET")) || x->request.is_head || str_equal(m, STR("OPTIONS")) ||
		str_equal(m, STR("PUT")) || str_equal(m, STR("DELETE")));
}

/* Reads no more of the response than the stream can take; nothing until exchange_on_drained where
 * it is blocked. */
void
exchange_on_blocked(struct exchange *x)
{
	if (x->upstream == NULL || x->upstream_paused)
		return;
	if (!x->stream->ops->is_blocked(x->stream)) {
		response_coding_limit_reads(x);
		return;
	}
	x->upstream_paused = true;
	upstream_want_read(x->upstream, false);
}

static void
send_upstream(struct exchange *x, enum upstream_freshness freshness)
{
	struct stream *s = x->stream;
	struct err e = ERR_INIT;
	struct forward forward = {
		.auth = x->proxy->auth,
		.request = &x->request,
		.identity = x->verdict.identity,
		.assertion = auth_assertion(x->proxy->auth, &x->verdict, x->route.port),
		.token_header = x->verdict.token_header,
		.page_origin = x->page_origin,
		.forwarded_for = x->forwarded_for,
		.request_id = str_from(x->id),
	};

	x->state = EXCHANGE_FORWARD;
	x->upstream = upstream_acquire(exchange_server(x), freshness, &upstream_handler, x, &e);
	if (x->upstream == NULL) {
		log_warn(&x->log, "upstream unreachable", log_err(&e));
		reply_waiting(x);
		return;
	}
	struct buf *out = upstream_begin(x->upstream, &x->request);
	if (s->read_max > 0)
		exchange_on_blocked(x);
	else
		response_coding_limit_reads(x);
	forward_write_request(&forward, out);
	if (x->request_ended) {
		upstream_send_end(x->upstream);
		upstream_flush(x->upstream);
	} else {
		s->ops->want_body(s, upstream_wants_body(x->upstream));
	}
}

void
exchange_forward(struct exchange *x)
{
	send_upstream(x, can_be_repeated(x) ? UPSTREAM_ANY : UPSTREAM_RELIABLE);
}

static void
add_date(struct exchange *x, struct headers *h)
{
	if (!headers_has(h, HEADER_DATE))
		headers_add_own(h, STR("Date"), str_from(proxy_date(x->proxy)));
}

/* Ends the request: there is no memory for the response head. */
static void
fail_forwarding(struct exchange *x)
{
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_status(x, 502);
}

static void
on_head(struct response_head *head, void *arg)
{
	struct exchange *x = arg;
	struct stream *s = x->stream;
	struct str host = str_take(x->request.authority, str_find_byte(x->request.authority, ':'));

	forward_filter_response(x->proxy->auth, x->request.accepts_trailers, head);
	if (!x->proxy->settings->upstream_parent_cookies &&
	    !set_cookie_confine(&head->headers, host, &x->arena)) {
		fail_forwarding(x);
		return;
	}
	if (head->status >= 200 || head->status == 101) {
		x->status = head->status;
		x->state = EXCHANGE_RESPONSE;
		/* http1_parse_response leaves room for these fields. */
		for (size_t i = 0; i < x->verdict.set_cookies_count; i++)
			headers_add_own(&head->headers, STR("Set-Cookie"),
					str_from(x->verdict.set_cookies[i]));
		if (!str_is_empty(x->page_origin))
			cors_pass_response(x, &head->headers);
		add_date(x, &head->headers);
		hsts_set(x, &head->headers);
		response_coding_start(x, head);
	}
	s->ops->send_head(s, head);
	if (head->status == 101)
		exchange_open_tunnel(x);
}

static void
on_body(struct str data, void *arg)
{
	struct exchange *x = arg;

	if (x->compressor != NULL) {
		if (response_coding_send(x, data))
			exchange_on_blocked(x);
		else
			exchange_abort(x);
		return;
	}
	if (x->state == EXCHANGE_TUNNEL) {
		exchange_count_response(x, data.len);
		exchange_pass_to_client(x, data);
	} else {
		exchange_send_body(x, data);
	}
	exchange_on_blocked(x);
}

static struct conn *
sink(void *arg)
{
	struct exchange *x = arg;

	return x->state == EXCHANGE_RESPONSE ? x->stream->ops->sink(x->stream) : NULL;
}

static void
on_spliced(size_t len, void *arg)
{
	struct exchange *x = arg;

	exchange_count_response(x, len);
	x->stream->ops->flush(x->stream);
	exchange_on_blocked(x);
}

static void
on_half_close(void *arg)
{
	exchange_on_upstream_half_close(arg);
}

static void
on_end(struct headers *trailers, void *arg)
{
	struct exchange *x = arg;

	trailers_filter(trailers, x->compressor != NULL);
	if (response_coding_end(x))
		exchange_end(x, trailers);
	else
		exchange_abort(x);
}

static void
on_read_done(void *arg)
{
	struct exchange *x = arg;

	if (!response_coding_flush(x)) {
		exchange_abort(x);
		return;
	}
	x->stream->ops->flush(x->stream);
	exchange_on_blocked(x);
}

static void
on_drained(void *arg)
{
	struct exchange *x = arg;

	if (!x->request_ended)
		x->stream->ops->want_body(x->stream, true);
}

static void
on_failed(enum upstream_failure failure, const struct err *e, void *arg)
{
	struct exchange *x = arg;
	bool may_repeat =
		!x->was_retried && ((failure == UPSTREAM_STALE && can_be_repeated(x)) ||
				    (failure == UPSTREAM_UNREACHABLE && x->port_upstream != NULL &&
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
		exchange_abort(x);
		return;
	}
	switch (failure) {
	case UPSTREAM_UNREACHABLE:
		reply_waiting(x);
		break;
	case UPSTREAM_TIMEOUT:
		reply_status(x, 504);
		break;
	case UPSTREAM_NO_TLS:
		reply_detail(x, 502, e->text);
		break;
	case UPSTREAM_STALE:
	case UPSTREAM_BAD_ANSWER:
	case UPSTREAM_BROKEN:
		reply_status(x, 502);
		break;
	}
}
