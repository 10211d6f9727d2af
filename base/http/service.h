/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP service by libevhtp, plain or over TLS, for listeners that face the cluster (health,
 * metrics, admission), never browsers. Request bodies are bounded and drained; exact paths only;
 * everything else is 404, 405 or 413, and what is malformed 400, 431, 501 (chunked bodies, too) or
 * 505. One request per connection, unless keep_alive_ms is set. Every reply has Date,
 * Cache-Control: no-store and X-Content-Type-Options: nosniff, and Content-Length unless its body
 * comes from a source.
 */
#ifndef BASE_HTTP_SERVICE_H
#define BASE_HTTP_SERVICE_H

#include "base/net/address.h"
#include "base/net/loop.h"

struct service;
struct tls_context;

struct service_request {
	struct str method;
	struct str path;
	struct str query; /* raw, without '?' */
	struct str body;
	bool is_http10;
};

enum service_piece {
	SERVICE_MORE, /* ask again once this is sent; where nothing was added, a moment later */
	SERVICE_END,  /* nothing comes behind this */
};

/* The rest of a long body. */
struct service_source {
	/* Adds the next piece, of which the source chooses the size. */
	enum service_piece (*fill)(void *arg, struct buf *out);
	void (*close)(void *arg); /* exactly once, also when the client is gone */
	void *arg;
};

struct service_reply {
	unsigned status;
	const char *content_type;     /* literal */
	struct buf body;	      /* initialised by the service; the handler fills it */
	struct service_source source; /* only for service_route_long; fill may stay NULL */
};

/* Answers at once. */
typedef void service_handler_fn(const struct service_request *request, struct service_reply *reply,
				void *arg);

/*
 * A request that may be answered later. start returns the work under way, which cancel ends when
 * the client has gone before the answer. NULL: start has answered, or the client gets 503. Of the
 * request only the body stays, until the answer.
 */
struct service_wait;
typedef void *service_start_fn(struct service_wait *wait, const struct service_request *request,
			       void *arg);
typedef void service_cancel_fn(void *work);
struct str service_wait_body(struct service_wait *wait); /* a view, until the loop goes on */

/* Once for each work that was not cancelled, or within start. The wait is gone afterwards. The
 * content type is a literal. */
void service_answer(struct service_wait *wait, unsigned status, const char *content_type,
		    struct str text);

struct service_options {
	size_t body_max_bytes;
	/* Of all unfinished requests; those that exceed it get 503. 0: connections_max bodies. */
	size_t bodies_max_bytes;
	/* A connection without a complete request for this long is closed. */
	uint64_t idle_timeout_ms;
	/* How long a connection waits for its next request; 0: it is closed after the first one.
	 * Longer than clients keep idle connections, which would send into one that closes. */
	uint64_t keep_alive_ms;
	/* More than these are closed at once, unless one that waits can be closed instead. */
	unsigned connections_max;
	struct tls_context *tls; /* NULL: plain; outlives the service, and is its alone */
	int passed_fd;		 /* a listening socket (listen_socket_adopt), or -1: bind one */
};

struct service *service_new(struct loop *l, const struct address *address,
			    const struct service_options *options, struct err *e) MUST_CHECK;
void service_free(struct service *s);

/* path is exact and outlives the service; GET routes answer HEAD as well. Before the loop runs. */
bool service_route(struct service *s, const char *method, const char *path,
		   service_handler_fn *handler, void *arg, struct err *e) MUST_CHECK;

/* GET, with replies that may have a source: it is asked for more when the client has taken what it
 * had. A client who takes nothing for idle_timeout_ms is cut off. */
bool service_route_long(struct service *s, const char *path, service_handler_fn *handler, void *arg,
			struct err *e) MUST_CHECK;

/* As service_route. The service sets no deadline for the work. */
bool service_route_later(struct service *s, const char *method, const char *path,
			 service_start_fn *start, service_cancel_fn *cancel, void *arg,
			 struct err *e) MUST_CHECK;

/* To be called when the TLS context was reloaded: for connections from now on. */
void service_renew_tls(struct service *s);

void service_end_keep_alive(struct service *s); /* connections end with their next answer */

/* Accepts no more, closes connections that wait for a request; on_done runs from the loop, once,
 * when the last connection is gone. */
void service_drain(struct service *s, loop_timer_fn *on_done, void *arg);

const struct address *service_address(const struct service *s);

#endif
