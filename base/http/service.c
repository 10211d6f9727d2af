/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP service on libevhtp.
 *
 * libevhtp's parser corrupts requests that arrive in several segments, and closes the connection on
 * errors without a response; hence the gate (service_gate.c). One request per connection is enough
 * for probes and scrapes; the API server keeps its connections to webhooks.
 */
#include "base/http/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/http/service_head.h"
#include "base/http/service_private.h"
#include "base/log/log.h"
#include "base/net/listen.h"
#include "base/net/tls/tls.h"
#include "base/net/tls/tls_foreign.h"

#define REPLY_MAX_BYTES 4194304u
#define DATE_SIZE	32
#define ACCEPT_WAIT_MS	1000 /* after accept failed for want of descriptors or memory */

static evhtp_res
on_pre_accept(evhtp_connection_t *connection, void *arg)
{
	struct service *s = arg;

	if (s->client_count >= s->options.connections_max)
		(void)service_close_waiting(s);
	if (s->client_count >= s->options.connections_max)
		return EVHTP_RES_FATAL;
	(void)fcntl(connection->sock, F_SETFD, FD_CLOEXEC);
	return EVHTP_RES_OK;
}

static void
add_header(evhtp_request_t *request, const char *name, const char *value)
{
	evhtp_headers_add_header(request->headers_out, evhtp_header_new(name, value, 1, 1));
}

static void
send_reply(evhtp_request_t *request, const struct service_reply *reply, bool is_head, bool is_kept)
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
	if (!is_kept)
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
	send_reply(request, &reply, str_equal(s->current->method, STR("HEAD")), s->current_is_kept);
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
		err_set(e, ERR_MEMORY, "out of memory for a service");
		return NULL;
	}
	s->loop = l;
	s->options = *options;
	loop_timer_init(&s->accept_again, l, on_accept_again, s);
	s->evhtp = evhtp_new(loop_event_base(l), s);
	if (s->evhtp == NULL) {
		err_set(e, ERR_MEMORY, "out of memory for a service");
		service_free(s);
		return NULL;
	}
	if (options->tls != NULL)
		s->evhtp->ssl_ctx = tls_context_lend(options->tls);
	evhtp_disable_flag(s->evhtp, EVHTP_FLAG_ENABLE_100_CONT);
	evhtp_set_pre_accept_cb(s->evhtp, on_pre_accept, s);
	evhtp_set_post_accept_cb(s->evhtp, service_gate_accept, s);
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
		service_close_client(LIST_FIRST(&s->clients));
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
	const struct service_route route = {
		.method = method, .path = path, .handler = handler, .arg = arg};

	return service_routes_add(&s->routes, &route, e);
}

bool
service_route_long(struct service *s, const char *path, service_handler_fn *handler, void *arg,
		   struct err *e)
{
	const struct service_route route = {
		.method = "GET", .path = path, .handler = handler, .arg = arg, .has_source = true};

	return service_routes_add(&s->routes, &route, e);
}

bool
service_route_later(struct service *s, const char *method, const char *path,
		    service_start_fn *start, service_cancel_fn *cancel, void *arg, struct err *e)
{
	const struct service_route route = {
		.method = method, .path = path, .arg = arg, .start = start, .cancel = cancel};

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
	s->is_closing = true;
	loop_defer_init(&s->drained, s->loop, on_done, arg);
	(void)evconnlistener_disable(s->evhtp->server);
	while (service_close_waiting(s))
		continue;
	service_tell_when_drained(s);
}

void
service_end_keep_alive(struct service *s)
{
	s->is_closing = true;
}

const struct address *
service_address(const struct service *s)
{
	return &s->address;
}
