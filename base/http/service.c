/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP service on libevhtp.
 *
 * libevhtp's parser corrupts requests that arrive in several segments, and closes the connection on
 * errors without a response. So a gate in front of it buffers one whole request, within limits, and
 * passes it on only after base/http/service_head has checked it. One request per connection is
 * enough for probes and scrapes. Errors are answered here; the rest of such a request is read and
 * discarded, because closing with unread bytes would reset the connection and lose the response.
 */
#include "base/http/service.h"

#include <errno.h>
#include <evhtp/evhtp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/http/service_head.h"
#include "base/http/service_routes.h"
#include "base/http/service_stream.h"
#include "base/list.h"
#include "base/log/log.h"
#include "base/net/listen.h"
#include "base/net/tls.h"

#define HEAD_MAX_BYTES	16384u
#define REPLY_MAX_BYTES 4194304u
#define DRAIN_MAX_BYTES 8388608u
#define DATE_SIZE	32
#define ACCEPT_WAIT_MS	1000 /* after accept failed for want of descriptors or memory */

struct service {
	struct loop *loop;
	evhtp_t *evhtp;
	struct address address;
	struct service_options options;
	struct service_routes routes;
	LIST_HEAD(, client) clients;
	size_t client_count;
	size_t held; /* bytes of unfinished requests, of all clients */
	struct loop_timer accept_again;
	bool is_draining;
	struct loop_defer drained;
	const struct service_request *current; /* while libevhtp parses */
};

/* One connection. */
struct client {
	struct service *service;
	LIST_ENTRY(client) entry;
	evhtp_connection_t *connection;
	struct loop_timer deadline;
	bool has_continued;
	size_t held;
	size_t drained;
	struct service_stream *stream; /* NULL: libevhtp replies */
	/* libevhtp's callbacks, restored when the request is passed on */
	bufferevent_data_cb read_fn;
	bufferevent_data_cb write_fn;
	bufferevent_event_cb event_fn;
};

static void
tell_when_drained(struct service *s)
{
	if (s->is_draining && s->client_count == 0)
		loop_defer_call(&s->drained);
}

/* Records how many bytes of a request are buffered. False when all clients exceed the limit. */
static bool
account_bytes(struct client *c, size_t bytes)
{
	struct service *s = c->service;

	s->held = s->held - c->held + bytes;
	c->held = bytes;
	return s->options.bodies_max_bytes == 0 || s->held <= s->options.bodies_max_bytes;
}

/* Frees the client as well: see on_connection_fini. */
static void
client_close(struct client *c)
{
	evhtp_connection_free(c->connection);
}

static void
on_deadline(void *arg)
{
	client_close(arg);
}

static evhtp_res
on_connection_fini(evhtp_connection_t *connection, void *arg)
{
	struct client *c = arg;

	(void)connection;
	LIST_REMOVE(c, entry);
	c->service->client_count--;
	(void)account_bytes(c, 0);
	tell_when_drained(c->service);
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
		client_close(c);
}

static void
on_drain_written(struct bufferevent *bev, void *arg)
{
	(void)arg;
	(void)shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_gate_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if ((what & BEV_EVENT_CONNECTED) == 0) /* else: the TLS handshake is done */
		client_close(arg);
}

static void
send_error(struct client *c, struct bufferevent *bev, unsigned status)
{
	const char *reason = service_head_reason(status);
	struct evbuffer *output = bufferevent_get_output(bev);
	struct evbuffer *input = bufferevent_get_input(bev);

	(void)evbuffer_drain(input, evbuffer_get_length(input));
	(void)account_bytes(c, 0);
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	bufferevent_setcb(bev, on_drain_read, on_drain_written, on_gate_event, c);
	loop_timer_start(&c->deadline, c->service->options.idle_timeout_ms);
	service_write_head(output, status, "text/plain; charset=utf-8");
	(void)evbuffer_add_printf(output, "Content-Length: %zu\r\n\r\n%s\n", strlen(reason) + 1,
				  reason);
}

/* libevhtp gets exactly one whole request, and calls on_request with it. */
static void
pass_to_libevhtp(struct client *c, struct bufferevent *bev, const struct service_request *request)
{
	struct service *s = c->service;
	bufferevent_data_cb read_fn = c->read_fn;
	evhtp_connection_t *connection = c->connection;

	(void)account_bytes(c, 0);
	loop_timer_start(&c->deadline, s->options.idle_timeout_ms);
	bufferevent_setcb(bev, c->read_fn, c->write_fn, c->event_fn, connection);
	s->current = request;
	read_fn(bev, connection);
	s->current = NULL;
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

/* Replies that may be long are sent without libevhtp. False: the route has none. */
static bool
start_stream(struct client *c, struct bufferevent *bev, const struct service_request *request)
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
	const struct service_route *r = service_routes_find(&c->service->routes, request, NULL);

	if (r == NULL || !r->has_source)
		return false;
	(void)account_bytes(c, 0);
	buf_init(&reply.body, REPLY_MAX_BYTES);
	r->handler(request, &reply, r->arg);
	c->stream = service_stream_new(&options, &reply, request);
	buf_fini(&reply.body);
	if (c->stream == NULL)
		send_error(c, bev, 500);
	return true;
}

static void
send_continue(struct client *c, struct bufferevent *bev)
{
	if (c->has_continued)
		return;
	c->has_continued = true;
	(void)bufferevent_write(bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
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
	const struct service_request request = {
		.method = head.method,
		.path = head.path,
		.query = head.query,
		.body = str_skip(bytes, end + 4),
		.is_http10 = head.is_http10,
	};
	if (!start_stream(c, bev, &request))
		pass_to_libevhtp(c, bev, &request);
}

static evhtp_res
on_pre_accept(evhtp_connection_t *connection, void *arg)
{
	const struct service *s = arg;

	if (s->client_count >= s->options.connections_max)
		return EVHTP_RES_FATAL;
	(void)fcntl(connection->sock, F_SETFD, FD_CLOEXEC);
	return EVHTP_RES_OK;
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
static evhtp_res
on_post_accept(evhtp_connection_t *connection, void *arg)
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

static void
add_header(evhtp_request_t *request, const char *name, const char *value)
{
	evhtp_headers_add_header(request->headers_out, evhtp_header_new(name, value, 1, 1));
}

static void
send_reply(evhtp_request_t *request, const struct service_reply *reply, bool is_head)
{
	char length[24];
	char date[DATE_SIZE];

	clock_format_http_date(clock_wall_s(), date, sizeof(date));
	add_header(request, "Date", date);
	(void)snprintf(length, sizeof(length), "%zu", reply->body.len);
	add_header(request, "Content-Length", length);
	add_header(request, "Content-Type", reply->content_type);
	add_header(request, "Cache-Control", "no-store");
	add_header(request, "X-Content-Type-Options", "nosniff");
	if (!is_head && reply->body.len > 0)
		(void)evbuffer_add(request->buffer_out, reply->body.data, reply->body.len);
	/* evhtp_request_set_keepalive only ever sets the flag. */
	request->flags &= (uint16_t)~EVHTP_REQ_FLAG_KEEPALIVE;
	evhtp_send_reply(request, (evhtp_res)reply->status);
}

static void
fill_problem(struct service_reply *reply, unsigned status)
{
	buf_clear(&reply->body);
	reply->status = status;
	reply->content_type = "text/plain; charset=utf-8";
	buf_addf(&reply->body, "%s\n", service_head_reason(status));
}

static void
on_request(evhtp_request_t *request, void *arg)
{
	const struct service *s = arg;
	struct service_reply reply = {.status = 200, .content_type = "text/plain; charset=utf-8"};
	struct buf allowed;

	err_assert(s->current != NULL);
	buf_init(&reply.body, REPLY_MAX_BYTES);
	buf_init(&allowed, 256);
	const struct service_route *r = service_routes_find(&s->routes, s->current, &allowed);
	if (r != NULL) {
		r->handler(s->current, &reply, r->arg);
		if (!buf_is_ok(&reply.body))
			fill_problem(&reply, 500);
	} else {
		fill_problem(&reply, allowed.len > 0 ? 405 : 404);
	}
	if (allowed.len > 0 && buf_add_byte(&allowed, '\0'))
		add_header(request, "Allow", allowed.data);
	send_reply(request, &reply, str_equal(s->current->method, STR("HEAD")));
	buf_fini(&allowed);
	buf_fini(&reply.body);
}

/* The listener stays readable while the connection waits, so accepting pauses for a moment. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	evhtp_t *evhtp = arg;
	struct service *s = evhtp->arg;

	log_warn(NULL, "connections can't be accepted", log_cstr("error", strerror(errno)));
	(void)evconnlistener_disable(listener);
	loop_timer_start(&s->accept_again, ACCEPT_WAIT_MS);
}

static void
on_accept_again(void *arg)
{
	struct service *s = arg;

	if (!s->is_draining)
		(void)evconnlistener_enable(s->evhtp->server);
}

struct service *
service_new(struct loop *l, const struct address *address, const struct service_options *options,
	    struct err *e)
{
	struct service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a service");
		return NULL;
	}
	s->loop = l;
	s->options = *options;
	loop_timer_init(&s->accept_again, l, on_accept_again, s);
	s->evhtp = evhtp_new(loop_event_base(l), s);
	if (s->evhtp == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a service");
		service_free(s);
		return NULL;
	}
	if (options->tls != NULL)
		s->evhtp->ssl_ctx = tls_context_lend(options->tls);
	evhtp_disable_flag(s->evhtp, EVHTP_FLAG_ENABLE_100_CONT);
	evhtp_set_pre_accept_cb(s->evhtp, on_pre_accept, s);
	evhtp_set_post_accept_cb(s->evhtp, on_post_accept, s);
	evhtp_set_gencb(s->evhtp, on_request, s);
	if (!listen_on(s->evhtp, address, options->passed_fd, &s->address, e)) {
		service_free(s);
		return NULL;
	}
	evconnlistener_set_error_cb(s->evhtp->server, on_accept_error);
	return s;
}

void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	loop_timer_fini(&s->accept_again);
	while (!LIST_EMPTY(&s->clients))
		client_close(LIST_FIRST(&s->clients));
	if (s->is_draining)
		loop_defer_fini(&s->drained);
	if (s->evhtp != NULL) {
		evhtp_unbind_socket(s->evhtp);
		evhtp_free(s->evhtp);
	}
	free(s);
}

bool
service_route(struct service *s, const char *method, const char *path, service_handler_fn *handler,
	      void *arg, struct err *e)
{
	const struct service_route route = {method, path, handler, arg, false};

	return service_routes_add(&s->routes, &route, e);
}

bool
service_route_long(struct service *s, const char *path, service_handler_fn *handler, void *arg,
		   struct err *e)
{
	const struct service_route route = {"GET", path, handler, arg, true};

	return service_routes_add(&s->routes, &route, e);
}

void
service_renew_tls(struct service *s)
{
	struct ssl_ctx_st *old = s->evhtp->ssl_ctx;

	s->evhtp->ssl_ctx = tls_context_lend(s->options.tls);
	tls_context_give_back(old);
}

void
service_drain(struct service *s, loop_timer_fn *on_done, void *arg)
{
	err_assert(!s->is_draining);
	s->is_draining = true;
	loop_defer_init(&s->drained, s->loop, on_done, arg);
	(void)evconnlistener_disable(s->evhtp->server);
	tell_when_drained(s);
}

const struct address *
service_address(const struct service *s)
{
	return &s->address;
}
