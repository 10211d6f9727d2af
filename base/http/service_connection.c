/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of the service: buffers one whole request, within limits, and calls its route's
 * handler only after base/http/service_head has checked it. After an error response the rest of the
 * request is read and discarded, because closing with unread bytes would reset the connection and
 * lose the response.
 */
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/http/service_head.h"
#include "base/http/service_private.h"
#include "base/http/service_stream.h"
#include "base/net/tls/tls_library.h"

static void on_gate_read(struct bufferevent *bev, void *arg);

#define HEAD_MAX_BYTES	16384u
#define REPLY_MAX_BYTES 4194304u
#define DRAIN_MAX_BYTES 8388608u
#define ALLOW_MAX_BYTES 256u

/* Records how many bytes of a request are buffered. False when all clients exceed the limit. */
static bool
account_bytes(struct client *c, size_t bytes)
{
	struct service *s = c->service;

	s->held = s->held - c->held + bytes;
	c->held = bytes;
	return s->options.bodies_max_bytes == 0 || s->held <= s->options.bodies_max_bytes;
}

void
service_close_client(struct client *c)
{
	if (c->wait.work != NULL)
		c->wait.route->cancel(c->wait.work);
	LIST_REMOVE(c, entry);
	c->service->client_count--;
	(void)account_bytes(c, 0);
	service_notify_when_drained(c->service);
	service_stream_free(c->stream);
	loop_timer_fini(&c->deadline);
	if (c->tls != NULL)
		tls_library_session_send_close(c->tls);
	bufferevent_free(c->bev);
	free(c);
}

static void
on_deadline(void *arg)
{
	service_close_client(arg);
}

/* After an error response: discards what still arrives, up to a limit. */
static void
on_drain_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct client *c = arg;
	size_t len = evbuffer_get_length(input);

	(void)evbuffer_drain(input, len);
	c->drained += len;
	if (c->drained > DRAIN_MAX_BYTES)
		service_close_client(c);
}

/* The client closes then. A socket that we closed first would belong to nobody, and be the first
 * to go, with the answer in it, when the kernel lacks memory. */
static void
on_drain_written(struct bufferevent *bev, void *arg)
{
	const struct client *c = arg;

	if (c->tls != NULL)
		tls_library_session_send_close(c->tls);
	(void)shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_gate_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) == 0) /* else: the TLS handshake is done */
		service_close_client(arg);
}

/* Writes a response. HEAD requests get the length of the text only. allow: the methods of the path,
 * or empty. */
static void
write_text(struct client *c, unsigned status, const char *content_type, struct str allow,
	   struct str text)
{
	struct evbuffer *output = bufferevent_get_output(c->bev);

	service_write_head(output, status, content_type, !c->is_kept);
	if (allow.len > 0)
		(void)evbuffer_add_printf(output, "Allow: %.*s\r\n", STR_FMT(allow));
	(void)evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n", text.len);
	if (!c->wait.is_head && text.len > 0)
		(void)evbuffer_add(output, text.data, text.len);
}

static void
write_problem(struct client *c, unsigned status, struct str allow)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s\n", service_head_reason(status));

	write_text(c, status, "text/plain; charset=utf-8", allow, (struct str){text, (size_t)len});
}

/* Ends the connection once its output is sent. Input that still arrives is discarded. */
static void
end_connection(struct client *c, struct bufferevent *bev)
{
	struct evbuffer *input = bufferevent_get_input(bev);

	(void)evbuffer_drain(input, evbuffer_get_length(input));
	(void)account_bytes(c, 0);
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	bufferevent_setcb(bev, on_drain_read, on_drain_written, on_gate_event, c);
	loop_timer_start(&c->deadline, c->service->options.idle_timeout_ms);
}

static void
send_error(struct client *c, struct bufferevent *bev, unsigned status)
{
	c->is_kept = false;
	write_problem(c, status, STR_NONE);
	end_connection(c, bev);
}

bool
service_close_waiting(struct service *s)
{
	struct client *longest = NULL;
	struct client *c;

	LIST_FOREACH (c, &s->clients, entry)
		if (c->is_waiting && (longest == NULL || c->since_ms < longest->since_ms))
			longest = c;
	if (longest != NULL)
		service_close_client(longest);
	return longest != NULL;
}

/* Leaves input that arrives before the response is sent in the buffer. */
static void
on_early_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
}

static void
await_next(struct client *c, struct bufferevent *bev)
{
	bool has_more = evbuffer_get_length(bufferevent_get_input(bev)) > 0;

	c->has_continued = false;
	c->wait = (struct service_wait){.client = NULL};
	c->is_waiting = true;
	c->since_ms = loop_now_ms(c->service->loop);
	loop_timer_start(&c->deadline, c->service->options.keep_alive_ms);
	bufferevent_setcb(bev, on_gate_read, NULL, on_gate_event, c);
	if (has_more)
		on_gate_read(bev, c);
}

static void
on_answer_written(struct bufferevent *bev, void *arg)
{
	await_next(arg, bev);
}

/* Ends a request whose response is in the output. */
static void
end_request(struct client *c, struct bufferevent *bev)
{
	if (!c->is_kept) {
		end_connection(c, bev);
		return;
	}
	(void)evbuffer_drain(bufferevent_get_input(bev), c->held);
	(void)account_bytes(c, 0);
	loop_timer_start(&c->deadline, c->service->options.idle_timeout_ms);
	bufferevent_setcb(bev, on_early_read, on_answer_written, on_gate_event, c);
}

struct str
service_wait_body(struct service_wait *wait)
{
	struct client *c = wait->client;
	struct evbuffer *input = bufferevent_get_input(c->bev);
	const char *whole = (const char *)evbuffer_pullup(input, (ssize_t)c->held);

	return whole != NULL ? (struct str){whole + c->held - wait->body_len, wait->body_len}
			     : STR_NONE;
}

void
service_answer(struct service_wait *wait, unsigned status, const char *content_type,
	       struct str text)
{
	struct client *c = wait->client;

	wait->work = NULL;
	wait->is_answered = true;
	c->is_kept = c->is_kept && !c->service->is_closing;
	write_text(c, status, content_type, STR_NONE, text);
	if (!wait->is_starting)
		end_request(c, c->bev);
}

/* Starts work that answers later. Until then the request stays in the buffer, and the service sets
 * no deadline. */
static void
begin_wait(struct client *c, struct bufferevent *bev, const struct service_route *route,
	   const struct service_request *request)
{
	c->wait.client = c;
	c->wait.route = route;
	c->wait.body_len = request->body.len;
	c->wait.is_starting = true;
	void *work = route->start(&c->wait, request, route->arg);
	c->wait.is_starting = false;
	if (c->wait.is_answered) {
		end_request(c, bev);
		return;
	}
	c->wait.work = work;
	if (work == NULL) {
		send_error(c, bev, 503);
		return;
	}
	loop_timer_stop(&c->deadline);
	bufferevent_setcb(bev, on_early_read, NULL, on_gate_event, c);
}

/* The client has read all, or closes. */
static void
on_stream_end(void *arg)
{
	struct client *c = arg;
	struct bufferevent *bev = c->bev;

	bufferevent_setcb(bev, on_drain_read, on_drain_written, on_gate_event, c);
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		on_drain_written(bev, c);
}

static void
start_stream(struct client *c, struct bufferevent *bev, const struct service_route *r,
	     const struct service_request *request)
{
	struct service_reply reply = {.status = 200, .content_type = "text/plain; charset=utf-8"};
	const struct service_stream_options options = {
		.loop = c->service->loop,
		.bev = bev,
		.deadline = &c->deadline,
		.idle_timeout_ms = c->service->options.idle_timeout_ms,
		.on_end = on_stream_end,
		.on_close = on_deadline,
		.arg = c,
	};

	(void)account_bytes(c, 0);
	buf_init(&reply.body, REPLY_MAX_BYTES);
	r->handler(request, &reply, r->arg);
	c->stream = service_stream_new(&options, &reply, request);
	buf_fini(&reply.body);
	if (c->stream == NULL)
		send_error(c, bev, 500);
}

static void
run_handler(struct client *c, struct bufferevent *bev, const struct service_route *r,
	    const struct service_request *request)
{
	struct service_reply reply = {.status = 200, .content_type = "text/plain; charset=utf-8"};

	buf_init(&reply.body, REPLY_MAX_BYTES);
	r->handler(request, &reply, r->arg);
	if (buf_is_ok(&reply.body)) {
		write_text(c, reply.status, reply.content_type, STR_NONE, buf_view(&reply.body));
		end_request(c, bev);
	} else {
		send_error(c, bev, 500);
	}
	buf_fini(&reply.body);
}

static bool
takes(const struct service_route *r, struct str method)
{
	return str_equal(method, str_from(r->method)) ||
	       (str_equal(method, STR("HEAD")) && strcmp(r->method, "GET") == 0);
}

/* Returns the route, or NULL and appends the methods that the path has to allowed. */
static const struct service_route *
find_route(const struct service *s, const struct service_request *request, struct buf *allowed)
{
	for (size_t i = 0; i < s->routes_count; i++) {
		const struct service_route *route = &s->routes[i];

		if (!str_equal(request->path, str_from(route->path)))
			continue;
		if (takes(route, request->method))
			return route;
		buf_addf(allowed, "%s%s%s", allowed->len > 0 ? ", " : "", route->method,
			 strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
	}
	return NULL;
}

static void
answer(struct client *c, struct bufferevent *bev, const struct service_request *request)
{
	struct buf allowed;

	buf_init(&allowed, ALLOW_MAX_BYTES);
	const struct service_route *r = find_route(c->service, request, &allowed);
	c->wait = (struct service_wait){.is_head = str_equal(request->method, STR("HEAD"))};
	if (r == NULL) {
		write_problem(c, allowed.len > 0 ? 405 : 404, buf_view(&allowed));
		end_request(c, bev);
	} else if (r->start != NULL) {
		begin_wait(c, bev, r, request);
	} else if (r->has_source) {
		start_stream(c, bev, r, request);
	} else {
		run_handler(c, bev, r, request);
	}
	buf_fini(&allowed);
}

static void
send_continue(struct client *c, struct bufferevent *bev)
{
	if (c->has_continued)
		return;
	c->has_continued = true;
	(void)bufferevent_write(bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* From its first byte on, a request has as long as the first one of a connection. */
static void
begin_request(struct client *c)
{
	if (c->is_waiting)
		loop_timer_start(&c->deadline, c->service->options.idle_timeout_ms);
	c->is_waiting = false;
}

static void
on_gate_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct client *c = arg;
	size_t len = evbuffer_get_length(input);
	size_t window = len < HEAD_MAX_BYTES ? len : HEAD_MAX_BYTES;
	struct str bytes = {(const char *)evbuffer_pullup(input, (ssize_t)window), window};
	size_t end = bytes.data == NULL ? SIZE_MAX : str_find(bytes, STR("\r\n\r\n"));
	struct service_head head;

	begin_request(c);
	if (!account_bytes(c, len) && len > HEAD_MAX_BYTES) {
		send_error(c, bev, 503);
		return;
	}
	if (end == SIZE_MAX) {
		if (len >= HEAD_MAX_BYTES)
			send_error(c, bev, 431);
		return;
	}
	unsigned status = service_head_read(str_take(bytes, end + 4), &head);
	if (status == 0 && head.body_len > c->service->options.body_max_bytes)
		status = 413;
	size_t whole = end + 4 + (size_t)head.body_len;
	if (status == 0 && len > whole)
		status = 400; /* pipelined */
	if (status != 0) {
		send_error(c, bev, status);
		return;
	}
	if (len < whole) {
		if (head.expects_continue)
			send_continue(c, bev);
		return;
	}
	bytes = (struct str){(const char *)evbuffer_pullup(input, -1), whole};
	if (bytes.data == NULL || service_head_read(str_take(bytes, end + 4), &head) != 0) {
		send_error(c, bev, 500);
		return;
	}
	c->is_kept = c->service->options.keep_alive_ms > 0 && !c->service->is_closing &&
		     !head.is_http10 && !head.wants_close;
	const struct service_request request = {
		.method = head.method,
		.path = head.path,
		.query = head.query,
		.body = str_skip(bytes, end + 4),
		.is_http10 = head.is_http10,
	};
	answer(c, bev, &request);
}

/* Creates the bufferevent, which owns fd and the TLS session. NULL: out of memory. */
static struct bufferevent *
open_bufferevent(struct client *c, int fd)
{
	struct event_base *base = loop_event_base(c->service->loop);
	struct tls_context *tls = c->service->options.tls;

	if (tls == NULL)
		return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->tls = tls_library_session_new(tls);
	return c->tls == NULL
		       ? NULL
		       : bufferevent_openssl_socket_new(base, fd, c->tls, BUFFEREVENT_SSL_ACCEPTING,
							BEV_OPT_CLOSE_ON_FREE);
}

bool
service_accept(struct service *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return false;
	c->service = s;
	c->bev = open_bufferevent(c, fd);
	if (c->bev == NULL) {
		free(c);
		return false;
	}
	LIST_INSERT_HEAD(&s->clients, c, entry);
	s->client_count++;
	loop_timer_init(&c->deadline, s->loop, on_deadline, c);
	loop_timer_start(&c->deadline, s->options.idle_timeout_ms);
	bufferevent_setcb(c->bev, on_gate_read, NULL, on_gate_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0,
				 HEAD_MAX_BYTES + s->options.body_max_bytes + 1);
	(void)bufferevent_enable(c->bev, EV_READ);
	return true;
}
