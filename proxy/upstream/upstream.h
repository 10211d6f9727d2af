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

struct upstream_options {
	struct address addresses[UPSTREAM_ADDRESSES_MAX]; /* the next one where one refuses */
	size_t addresses_count;
	struct upstream_name_options name; /* in place of addresses; host NULL: none */
	struct tls_context *tls;	   /* of a client; outlives the upstream. NULL: plain */
	struct http1_limits limits;	   /* of response heads */
	uint64_t connect_timeout_ms;	   /* also of the TLS handshake */
	uint64_t response_timeout_ms;	   /* nothing moved while a response head is awaited */
	uint64_t stream_timeout_ms;	   /* nothing moved in a body or tunnel */
	uint64_t idle_timeout_ms;	   /* in the pool */
	size_t idle_max;		   /* connections in the pool */
};

enum upstream_failure {
	UPSTREAM_UNREACHABLE, /* no connection: the IDE is not (yet) up */
	UPSTREAM_STALE,	      /* a pooled one closed before it answered: try again */
	UPSTREAM_BAD_ANSWER,  /* no response head, or a malformed one */
	UPSTREAM_TIMEOUT,     /* no response head in time */
	UPSTREAM_BROKEN,      /* the head was told; the rest can't follow */
	UPSTREAM_NO_TLS,      /* the TLS handshake failed */
};

/* Called from the loop. Each may give the connection back. on_head may edit the list of fields. */
struct upstream_handler {
	void (*on_head)(struct response_head *head, void *arg); /* each 1xx, then the final one */
	void (*on_body)(struct str data, void *arg);		/* also a tunnel's bytes */
	struct conn *(*sink)(void *arg);	 /* where a body may go past on_body, or NULL */
	void (*on_moved)(size_t len, void *arg); /* that many bytes went there */
	void (*on_half_close)(void *arg); /* the server's, of a tunnel that is no WebSocket */
	/* The response, or the tunnel, is over. trailers: empty unless the client accepts them. */
	void (*on_end)(struct headers *trailers, void *arg);
	void (*on_round)(void *arg);   /* all bytes of this wake-up were told: time to flush */
	void (*on_drained)(void *arg); /* more of the request may be sent */
	void (*on_failed)(enum upstream_failure failure, const struct err *e, void *arg);
};

struct upstream *upstream_new(struct loop *l, struct deferred_free_queue *deferred_frees,
			      const struct upstream_options *options, struct err *e) MUST_CHECK;
void upstream_free(struct upstream *u); /* every connection must have been given back */

/* A server may close a pooled connection just when it is used: a request that can't be repeated
 * needs one that the server keeps open for sure. */
enum upstream_wish { UPSTREAM_ANY, UPSTREAM_SURE, UPSTREAM_FRESH };

/* From the pool, or connecting. NULL where not even a socket can be had. */
struct upstream_conn *upstream_acquire(struct upstream *u, enum upstream_wish wish,
				       const struct upstream_handler *handler, void *arg,
				       struct err *e) MUST_CHECK;

/* Ends the use: back to the pool where the exchange was whole, else closed. No handler runs
 * afterwards. */
void upstream_release(struct upstream_conn *c);

/*
 * One request: begin, write the head into the buffer with http1_write_*, then body, end.
 * With r->upgrade a 101 may come, after which bytes pass as they are. Where there is a body, the
 * head is written without Connection and the empty line; the first piece of the body adds both, or
 * a flush if the body is long. The connection is kept only if that piece is the whole body and has
 * no line break.
 */
struct buf *upstream_begin(struct upstream_conn *c, const struct request_head *r);
void upstream_send_body(struct upstream_conn *c, struct str data);
void upstream_send_end(struct upstream_conn *c);
void upstream_half_close(struct upstream_conn *c); /* of a tunnel, once all has left */

/* Where the request's body may go past upstream_send_body, or NULL: see conn_splice. */
struct conn *upstream_sink(struct upstream_conn *c);
void upstream_flush(struct upstream_conn *c);

bool upstream_is_blocked(const struct upstream_conn *c); /* send no more body until on_drained */

/* Whether to send body now: not blocked, or a short one that waits with its head. */
bool upstream_wants_body(const struct upstream_conn *c);
void upstream_want_read(struct upstream_conn *c, bool wanted);

/* Reads at most so many bytes of this response at each wake-up. */
void upstream_limit_reads(struct upstream_conn *c, size_t bytes_max);

/* Restarts the stream timeout, because the other direction moved. */
void upstream_touch(struct upstream_conn *c);

/* The pool at this moment, and what it took so far. */
struct upstream_figures {
	size_t idle;
	size_t in_use;
	uint64_t connects;
	uint64_t changed_ms;	 /* loop's time: since when upstream_is_ready says the same */
	uint64_t first_ready_ms; /* 0: not yet */
};
struct upstream_figures upstream_figures(const struct upstream *u);

/* What the last attempt to connect said; upstream_probe asks again, in the background. */
bool upstream_is_ready(const struct upstream *u);
void upstream_probe(struct upstream *u);

#endif
