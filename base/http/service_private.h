/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the listener and the gate in front of libevhtp share.
 */
#ifndef BASE_HTTP_SERVICE_PRIVATE_H
#define BASE_HTTP_SERVICE_PRIVATE_H

#include <evhtp/evhtp.h>

#include "base/http/service_routes.h"
#include "base/list.h"

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
	bool is_closing; /* no connection is kept */
	bool is_draining;
	struct loop_defer drained;
	const struct service_request *current; /* while libevhtp parses */
	bool current_is_kept;
	const struct client *in_libevhtp; /* NULL once it is freed */
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
	evhtp_connection_t *connection;
	struct loop_timer deadline;
	bool has_continued;
	bool is_waiting;   /* for its next request, not for the first one */
	uint64_t since_ms; /* when that began */
	bool is_kept;	   /* after the answer under way */
	size_t held;
	size_t drained;
	struct service_stream *stream; /* of a reply with a source, or NULL */
	struct service_wait wait;
	/* libevhtp's callbacks, restored when the request is passed on */
	bufferevent_data_cb read_fn;
	bufferevent_data_cb write_fn;
	bufferevent_event_cb event_fn;
};

/* libevhtp's hook for new connections: installs the gate. arg is the service. */
evhtp_res service_gate_accept(evhtp_connection_t *connection, void *arg);

static inline void
service_close_client(struct client *c)
{
	evhtp_connection_free(c->connection); /* frees the client as well */
}

/* Closes the connection that has waited longest for its next request. False: none waits. */
bool service_close_waiting(struct service *s);

static inline void
service_tell_when_drained(struct service *s)
{
	if (s->is_draining && s->client_count == 0)
		loop_defer_call(&s->drained);
}

#endif
