/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP service, plain or over TLS, for listeners that face the cluster (health,
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
	SERVICE_MORE, /* ask again once this is sent; a moment later if nothing was added */
	SERVICE_END,  /* the end of the body */
};

/* A source of the rest of a long body. */
struct service_source {
	/* Adds the next piece, whose size it chooses. */
	enum service_piece (*fill)(void *arg, struct buf *out);
	void (*close)(void *arg); /* called exactly once, also if the client has disconnected */
	void *arg;
};

struct service_reply {
	unsigned status;
	const char *content_type;     /* a literal */
	struct buf body;	      /* initialized by the service, filled by the handler */
	struct service_source source; /* for service_route_long only; fill may be NULL */
};

/* Answers a request before it returns. */
typedef void service_handler_fn(const struct service_request *request, struct service_reply *reply,
				void *arg);

/*
 * Answers a request later. start returns the work in progress; cancel ends it if the client
 * disconnects before the answer. NULL: start has called service_answer, or the client gets 503.
 * Only the request's body stays valid until the answer.
 */
struct service_wait;
typedef void *service_start_fn(struct service_wait *wait, const struct service_request *request,
			       void *arg);
typedef void service_cancel_fn(void *work);
/* A view, valid until the loop runs again. */
struct str service_wait_body(struct service_wait *wait);

/* Answers a waiting request, from the loop or within start; once, and not after cancel. The wait is
 * invalid afterwards. content_type is a literal. */
void service_answer(struct service_wait *wait, unsigned status, const char *content_type,
		    struct str text);

struct service_options {
	size_t body_max_bytes;
	/* Sum over all unfinished requests; one that exceeds it gets 503. 0: no limit but
	 * connections_max. */
	size_t bodies_max_bytes;
	/* Closes connections that have not sent a complete request for this long. */
	uint64_t idle_timeout_ms;
	/*
	 * How long a connection may wait for its next request; 0: it is closed after the first one.
	 * Must be longer than the keep-alive time of clients, which otherwise send requests into a
	 * closing connection.
	 */
	uint64_t keep_alive_ms;
	/* Beyond this, closes a connection that waits for its next request, or else the new
	 * connection. */
	unsigned connections_max;
	/* NULL: plain HTTP; must outlive the service and have no other user. */
	struct tls_context *tls;
	int passed_fd; /* a listening socket (listen_socket_adopt), or -1: bind one */
};

struct service *service_new(struct loop *l, const struct address *address,
			    const struct service_options *options, struct err *e) MUST_CHECK;
void service_free(struct service *s);

/* Adds a route, before the loop runs. path is matched exactly and outlives the service. Routes for
 * GET also answer HEAD. */
bool service_route(struct service *s, const char *method, const char *path,
		   service_handler_fn *handler, void *arg, struct err *e) MUST_CHECK;

/* Adds a GET route whose replies may have a source, which is asked for more when the client has
 * read what was sent. A client who reads nothing for idle_timeout_ms is disconnected. */
bool service_route_long(struct service *s, const char *path, service_handler_fn *handler, void *arg,
			struct err *e) MUST_CHECK;

/* Adds a route that answers later. The service sets no timeout for the work. */
bool service_route_later(struct service *s, const char *method, const char *path,
			 service_start_fn *start, service_cancel_fn *cancel, void *arg,
			 struct err *e) MUST_CHECK;

void service_end_keep_alive(struct service *s); /* closes connections after their next answer */

/* Stops accepting and closes connections that wait for a request. on_done runs once, from the loop,
 * after the last connection has closed. */
void service_drain(struct service *s, loop_timer_fn *on_done, void *arg);

const struct address *service_address(const struct service *s);

#endif
