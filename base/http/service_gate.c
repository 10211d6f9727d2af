/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate in front of libevhtp: buffers one whole request, within limits, and passes it on only
 * after base/http/service_head has checked it. Errors are answered here; the rest of such a request
 * is read and discarded, because closing with unread bytes would reset the connection and lose the
 * response. Requests that are answered later or with a source never reach libevhtp.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/http/service_head.h"
#include "base/http/service_private.h"
#include "base/http/service_stream.h"
#include "base/net/tls/tls.h"
#include "base/net/tls/tls_foreign.h"

static void on_gate_read(struct bufferevent *bev, void *arg);

#define HEAD_MAX_BYTES	16384u
#define REPLY_MAX_BYTES 4194304u
#define DRAIN_MAX_BYTES 8388608u

/* Records how many bytes of a request are buffered. False when all clients exceed the limit. */
static bool
account_bytes(struct client *c, size_t bytes)
{
	struct service *s = c->service;

	s->held = s->held - c->held + bytes;
	c->held = bytes;
	return s->options.bodies_max_bytes == 0 || s->held <= s->options.bodies_max_bytes;
}

static void
on_deadline(void *arg)
{
	service_close_client(arg);
}

static evhtp_res
on_connection_fini(evhtp_connection_t *connection, void *arg)
{
	struct client *c = arg;

	(void)connection;
	if (c->service->in_libevhtp == c)
		c->service->in_libevhtp = NULL;
	if (c->wait.work != NULL)
		c->wait.route->cancel(c->wait.work);
	LIST_REMOVE(c, entry);
	c->service->client_count--;
	(void)account_bytes(c, 0);
	service_tell_when_drained(c->service);
	service_stream_free(c->stream);
	loop_timer_fini(&c->deadline);
	free(c);
	return EVHTP_RES_OK;
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

	if (c->connection->ssl != NULL)
		tls_lent_say_close(c->connection->ssl);
	(void)shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_gate_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) == 0) /* else: the TLS handshake is done */
		service_close_client(arg);
}

/* HEAD gets the length of the text only. */
static void
write_text(struct client *c, unsigned status, const char *content_type, struct str text)
{
	struct evbuffer *output = bufferevent_get_output(c->connection->bev);

	service_write_head(output, status, content_type, !c->is_kept);
	(void)evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n", text.len);
	if (!c->wait.is_head && text.len > 0)
		(void)evbuffer_add(output, text.data, text.len);
}

/* What still arrives is discarded. */
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
	char text[64];
	int len = snprintf(text, sizeof(text), "%s\n", service_head_reason(status));

	c->is_kept = false;
	write_text(c, status, "text/plain; charset=utf-8", (struct str){text, (size_t)len});
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

/* What comes before the answer is sent stays where it is. */
static void
on_passed_read(struct bufferevent *bev, void *arg)
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

/* The answer is in the output. */
static void
end_wait(struct client *c, struct bufferevent *bev)
{
	if (!c->is_kept) {
		end_connection(c, bev);
		return;
	}
	(void)evbuffer_drain(bufferevent_get_input(bev), c->held);
	(void)account_bytes(c, 0);
	loop_timer_start(&c->deadline, c->service->options.idle_timeout_ms);
	bufferevent_setcb(bev, on_passed_read, on_answer_written, on_gate_event, c);
}

struct str
service_wait_body(struct service_wait *wait)
{
	struct client *c = wait->client;
	struct evbuffer *input = bufferevent_get_input(c->connection->bev);
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
	write_text(c, status, content_type, text);
	if (!wait->is_starting)
		end_wait(c, c->connection->bev);
}

/* Until the answer the request stays in the buffer, and only the work has a deadline. */
static void
begin_wait(struct client *c, struct bufferevent *bev, const struct service_route *route,
	   const struct service_request *request)
{
	c->wait = (struct service_wait){.client = c,
					.route = route,
					.body_len = request->body.len,
					.is_head = str_equal(request->method, STR("HEAD")),
					.is_starting = true};
	void *work = route->start(&c->wait, request, route->arg);
	c->wait.is_starting = false;
	if (c->wait.is_answered) {
		end_wait(c, bev);
		return;
	}
	c->wait.work = work;
	if (work == NULL) {
		send_error(c, bev, 503);
		return;
	}
	loop_timer_stop(&c->deadline);
	bufferevent_setcb(bev, on_passed_read, NULL, on_gate_event, c);
}

/* Calls libevhtp, which may free the client. Returns whether that is still there. */
static bool
outlives(struct client *c, bufferevent_data_cb fn, struct bufferevent *bev)
{
	struct service *s = c->service;

	s->in_libevhtp = c;
	fn(bev, c->connection);
	bool is_there = s->in_libevhtp == c;
	s->in_libevhtp = NULL;
	return is_there;
}

/* libevhtp frees the request, and gets ready for another one. */
static void
on_kept_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	if (outlives(c, c->write_fn, bev) && c->connection->request == NULL)
		await_next(c, bev);
}

/* libevhtp gets exactly one whole request, and calls on_request with it. */
static void
pass_to_libevhtp(struct client *c, struct bufferevent *bev, const struct service_request *request)
{
	struct service *s = c->service;

	(void)account_bytes(c, 0);
	loop_timer_start(&c->deadline, s->options.idle_timeout_ms);
	bufferevent_setcb(bev, on_passed_read, c->is_kept ? on_kept_written : on_drain_written,
			  on_gate_event, c);
	s->current = request;
	s->current_is_kept = c->is_kept;
	bool is_there = outlives(c, c->read_fn, bev);
	s->current = NULL;
	if (is_there && !c->is_kept)
		bufferevent_setcb(bev, on_drain_read, on_drain_written, on_gate_event, c);
}

/* The client has read all, or closes. */
static void
on_stream_end(void *arg)
{
	struct client *c = arg;
	struct bufferevent *bev = c->connection->bev;

	bufferevent_setcb(bev, on_drain_read, on_drain_written, on_gate_event, c);
	if (evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		on_drain_written(bev, c);
}

/* Replies that may be long are sent without libevhtp. */
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

/* Only replies that are whole at once need libevhtp. */
static void
pass_on(struct client *c, struct bufferevent *bev, const struct service_request *request)
{
	const struct service_route *r = service_routes_find(&c->service->routes, request, NULL);

	if (r != NULL && r->start != NULL)
		begin_wait(c, bev, r, request);
	else if (r != NULL && r->has_source)
		start_stream(c, bev, r, request);
	else
		pass_to_libevhtp(c, bev, request);
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
	pass_on(c, bev, &request);
}

/* The body was read by the gate. libevhtp would parse forms in it. */
static evhtp_res
on_body(evhtp_request_t *request, struct evbuffer *body, void *arg)
{
	(void)request;
	(void)arg;
	(void)evbuffer_drain(body, evbuffer_get_length(body));
	return EVHTP_RES_OK;
}

/* Installs the gate in front of libevhtp's parser. */
evhtp_res
service_gate_accept(evhtp_connection_t *connection, void *arg)
{
	struct service *s = arg;
	struct client *c = calloc(1, sizeof(*c));
	struct bufferevent *bev = connection->bev;
	void *unused;

	if (c == NULL)
		return EVHTP_RES_FATAL;
	/* Only the first one can fail, for want of memory. */
	if (evhtp_connection_set_hook(connection, evhtp_hook_on_read, (evhtp_hook)on_body, NULL) !=
		    0 ||
	    evhtp_connection_set_hook(connection, evhtp_hook_on_connection_fini,
				      (evhtp_hook)on_connection_fini, c) != 0) {
		free(c);
		return EVHTP_RES_FATAL;
	}
	c->service = s;
	c->connection = connection;
	LIST_INSERT_HEAD(&s->clients, c, entry);
	s->client_count++;
	loop_timer_init(&c->deadline, s->loop, on_deadline, c);
	loop_timer_start(&c->deadline, s->options.idle_timeout_ms);
	bufferevent_getcb(bev, &c->read_fn, &c->write_fn, &c->event_fn, &unused);
	bufferevent_setcb(bev, on_gate_read, NULL, on_gate_event, c);
	bufferevent_setwatermark(bev, EV_READ, 0, HEAD_MAX_BYTES + s->options.body_max_bytes + 1);
	return EVHTP_RES_OK;
}
