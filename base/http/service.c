/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP service: its listener, its connections as a whole, and its routes. service_connection.c
 * reads and answers requests. One request per connection is enough for probes and scrapes; the API
 * server keeps its connections to webhooks.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/http/service_private.h"

static void
on_accept(int fd, const struct address *peer, void *arg)
{
	struct service *s = arg;

	(void)peer;
	if (s->client_count >= s->options.connections_max)
		(void)service_close_waiting(s);
	if (s->client_count >= s->options.connections_max || !service_accept(s, fd))
		(void)close(fd);
}

struct service *
service_new(struct loop *l, const struct address *address, const struct service_options *options,
	    struct err *e)
{
	struct service *s = err_alloc(e, sizeof(*s), "out of memory for a service");

	if (s == NULL)
		return NULL;
	s->loop = l;
	s->options = *options;
	s->listen = listen_new(l, address, options->passed_fd, on_accept, s, e);
	if (s->listen == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void
service_free(struct service *s)
{
	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->clients))
		service_close_client(LIST_FIRST(&s->clients));
	if (s->is_draining)
		loop_defer_fini(&s->drained);
	listen_free(s->listen);
	free(s);
}

static bool
add_route(struct service *s, const struct service_route *route, struct err *e)
{
	if (s->routes_count == SERVICE_ROUTES_MAX)
		return err_set(e, ERR_MEMORY, "%s: too many routes", route->path);
	s->routes[s->routes_count++] = *route;
	return true;
}

bool
service_route(struct service *s, const char *method, const char *path, service_handler_fn *handler,
	      void *arg, struct err *e)
{
	const struct service_route route = {
		.method = method, .path = path, .handler = handler, .arg = arg};

	return add_route(s, &route, e);
}

bool
service_route_long(struct service *s, const char *path, service_handler_fn *handler, void *arg,
		   struct err *e)
{
	const struct service_route route = {
		.method = "GET", .path = path, .handler = handler, .arg = arg, .has_source = true};

	return add_route(s, &route, e);
}

bool
service_route_later(struct service *s, const char *method, const char *path,
		    service_start_fn *start, service_cancel_fn *cancel, void *arg, struct err *e)
{
	const struct service_route route = {
		.method = method, .path = path, .arg = arg, .start = start, .cancel = cancel};

	return add_route(s, &route, e);
}

void
service_drain(struct service *s, loop_timer_fn *on_done, void *arg)
{
	err_assert(!s->is_draining);
	s->is_draining = true;
	s->is_closing = true;
	loop_defer_init(&s->drained, s->loop, on_done, arg);
	listen_pause(s->listen);
	while (service_close_waiting(s))
		continue;
	service_notify_when_drained(s);
}

void
service_end_keep_alive(struct service *s)
{
	s->is_closing = true;
}

const struct address *
service_address(const struct service *s)
{
	return listen_address(s->listen);
}
