/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IDE as a server: a pool of connections (the most recently used first) and the HTTP/1.1
 * client side of one exchange on each. Responses are read as strictly as requests: an invalid one
 * fails the exchange and is never treated as a complete response.
 */
#ifndef PROXY_UPSTREAM_UPSTREAM_H
#define PROXY_UPSTREAM_UPSTREAM_H

#include "base/log/log.h"
#include "base/net/address.h"
#include "base/net/deferred_free.h"
#include "base/net/loop.h"
#include "proxy/http/http1.h"
#include "proxy/http/message.h"
#include "proxy/upstream/upstream_name.h"

struct conn;
struct tls_context;
struct upstream;
struct upstream_conn;

#define UPSTREAM_ADDRESSES_MAX 4
#define UPSTREAM_IDLE_MAX      128u /* in a pool: a page requests dozens of files at the same time */
#define UPSTREAM_IDLES_MAX     256u /* of pools with the same idles_count: each needs a descriptor */

struct upstream_options {
	struct address addresses[UPSTREAM_ADDRESSES_MAX]; /* tried in this order */
	size_t addresses_count;
	struct upstream_name_options name; /* instead of addresses; host NULL: none */
	struct tls_context *tls;	   /* for clients; outlives the upstream. NULL: plain */
	struct http1_limits limits;	   /* of response heads */
	uint64_t connect_timeout_ms;	   /* including the TLS handshake */
	uint64_t response_timeout_ms;	   /* from the end of the request to the response head */
	uint64_t stream_timeout_ms;	   /* without a byte in a body or tunnel */
	uint64_t idle_timeout_ms;	   /* of connections in the pool */
	size_t *idles_count; /* in all pools that have this pointer; NULL: no common limit */
};

enum upstream_failure {
	UPSTREAM_UNREACHABLE, /* can't connect: the IDE is not running (yet) */
	UPSTREAM_STALE,	      /* a pooled connection closed before the response: try again */
	UPSTREAM_BAD_ANSWER,  /* no response head, or a malformed one */
	UPSTREAM_TIMEOUT,     /* no response head in time */
	UPSTREAM_BROKEN,      /* the response failed after on_head was called */
	UPSTREAM_NO_TLS,      /* the TLS handshake failed */
};

/* Called from the event loop. Each may release the connection. on_head may edit the fields. */
struct upstream_handler {
	void (*on_head)(struct response_head *head, void *arg); /* each 1xx, then the final one */
	void (*on_body)(struct str data, void *arg);		/* also bytes of a tunnel */
	struct conn *(*sink)(void *arg);	   /* where the body may be spliced to, or NULL */
	void (*on_spliced)(size_t len, void *arg); /* len bytes were spliced there */
	void (*on_half_close)(void *arg);	   /* the server shut down its side of a tunnel */
	/* End of the response or tunnel. trailers: empty unless the client accepts them. */
	void (*on_end)(struct headers *trailers, void *arg);
	void (*on_read_done)(void *arg); /* all bytes of this wake-up were delivered: flush */
	void (*on_drained)(void *arg);	 /* no longer blocked */
	void (*on_failed)(enum upstream_failure failure, const struct err *e, void *arg);
};

struct upstream *upstream_new(struct loop *l, struct deferred_free_queue *deferred_frees,
			      const struct upstream_options *options, struct err *e) MUST_CHECK;
void upstream_free(struct upstream *u); /* all connections must have been released */

/* A server may close a pooled connection at the moment it is used. A request that can't be repeated
 * needs a connection that the server is certain to keep open, or a new one. */
enum upstream_freshness { UPSTREAM_ANY, UPSTREAM_RELIABLE, UPSTREAM_FRESH };

/* Returns a connection of the pool, or one that is connecting. NULL if there can't be a socket. */
struct upstream_conn *upstream_acquire(struct upstream *u, enum upstream_freshness freshness,
				       const struct upstream_handler *handler, void *arg,
				       struct err *e) MUST_CHECK;

/* Returns the connection to the pool if the exchange is complete, else closes it. No handler is
 * called afterwards. */
void upstream_release(struct upstream_conn *c);

/*
 * Sending a request: upstream_begin, write the head to the returned buffer with http1_write_*, then
 * body and end. With r->upgrade the response may be 101, after which bytes are forwarded unchanged.
 * For a request with a body, write the head without Connection and the empty line: the first piece
 * of the body adds both, or a flush if the body is long. The connection is reused only if that
 * piece is the whole body and has no line break.
 */
struct buf *upstream_begin(struct upstream_conn *c, const struct request_head *r);
void upstream_send_body(struct upstream_conn *c, struct str data);
void upstream_send_end(struct upstream_conn *c);
void upstream_half_close(struct upstream_conn *c); /* of a tunnel, after all bytes were sent */

/* Returns the connection to which the request body may be spliced, or NULL: see conn_splice. Call
 * upstream_on_spliced after bytes were spliced. */
struct conn *upstream_sink(struct upstream_conn *c);
void upstream_on_spliced(struct upstream_conn *c);
void upstream_flush(struct upstream_conn *c);

bool upstream_is_blocked(const struct upstream_conn *c); /* send no more body until on_drained */

/* Whether to send body now: not blocked, or the head waits for the first piece of a short body. */
bool upstream_wants_body(const struct upstream_conn *c);
void upstream_want_read(struct upstream_conn *c, bool wanted);

void upstream_limit_reads(struct upstream_conn *c, size_t bytes_max); /* per wake-up */

/* The current state of the pool, and counters. */
struct upstream_figures {
	size_t idle;
	size_t in_use;
	uint64_t connects;
	uint64_t changed_ms;	 /* time of the event loop at which upstream_is_ready changed */
	uint64_t first_ready_ms; /* time at which it was first true; 0: not yet */
};
struct upstream_figures upstream_figures(const struct upstream *u);

/* Whether the last attempt to connect succeeded. upstream_probe tries again in the background. */
bool upstream_is_ready(const struct upstream *u);
void upstream_probe(struct upstream *u);

#endif
