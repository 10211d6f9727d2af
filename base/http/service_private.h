/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the listener (service.c) and the connections (service_connection.c) share.
 */
#ifndef BASE_HTTP_SERVICE_PRIVATE_H
#define BASE_HTTP_SERVICE_PRIVATE_H

#include <event2/bufferevent.h>

#include "base/http/service.h"
#include "base/list.h"
#include "base/net/listen.h"

struct ssl_st;

#define SERVICE_ROUTES_MAX 16

struct service_route {
	const char *method;
	const char *path;
	service_handler_fn *handler; /* NULL: answered later */
	void *arg;
	bool has_source; /* its replies may have one */
	service_start_fn *start;
	service_cancel_fn *cancel;
};

struct service {
	struct loop *loop;
	struct listen *listen;
	struct service_options options;
	struct service_route routes[SERVICE_ROUTES_MAX];
	size_t routes_count;
	LIST_HEAD(, client) clients;
	size_t client_count;
	size_t held;	 /* bytes of unfinished requests, of all clients */
	bool is_closing; /* no connection is kept */
	bool is_draining;
	struct loop_defer drained;
};

/* A request that is answered later. */
struct service_wait {
	struct client *client;
	const struct service_route *route; /* NULL: there is none */
	void *work;
	size_t body_len;
	bool is_head;
	bool is_starting; /* an answer is sent once start has returned */
	bool is_answered;
};

/* One connection. */
struct client {
	struct service *service;
	LIST_ENTRY(client) entry;
	struct bufferevent *bev;
	struct ssl_st *tls; /* owned by bev; NULL: plain HTTP */
	struct loop_timer deadline;
	bool has_continued;
	bool is_waiting;   /* for its next request, not for the first one */
	uint64_t since_ms; /* when that began */
	bool is_kept;	   /* after the answer under way */
	size_t held;
	size_t drained;
	struct service_stream *stream; /* of a reply with a source, or NULL */
	struct service_wait wait;
};

/* Serves a new connection. False: out of memory; the descriptor is still the caller's. */
bool service_accept(struct service *s, int fd) MUST_CHECK;

/* Closes the connection and frees the client. */
void service_close_client(struct client *c);

/* Closes the connection that has waited longest for its next request. False: none waits. */
bool service_close_waiting(struct service *s);

static inline void
service_notify_when_drained(struct service *s)
{
	if (s->is_draining && s->client_count == 0)
		loop_defer_call(&s->drained);
}

#endif
