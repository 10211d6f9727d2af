/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the upstream: upstream.c, upstream_pool.c and upstream_response.c.
 */
#ifndef PROXY_UPSTREAM_UPSTREAM_PRIVATE_H
#define PROXY_UPSTREAM_UPSTREAM_PRIVATE_H

#include "base/list.h"
#include "proxy/conn/conn_splice.h"
#include "proxy/http/response_check.h"
#include "proxy/upstream/probe.h"
#include "proxy/upstream/upstream.h"

enum upstream_state {
	UPSTREAM_IDLE,	/* in the pool, or on the way out */
	UPSTREAM_BEGUN, /* connecting, or the request is being written */
	UPSTREAM_HEAD,	/* waiting for a response head */
	UPSTREAM_BODY,
	UPSTREAM_TUNNEL,
	UPSTREAM_WHOLE, /* the response has ended */
	UPSTREAM_GONE,	/* failed or closed */
};

struct upstream_conn {
	struct deferred_free_entry deferred_free;
	struct upstream *upstream;
	LIST_ENTRY(upstream_conn) idle; /* linked while in the pool */
	struct conn conn;
	size_t place; /* index of its address */
	struct loop_timer timer;
	const struct upstream_handler *handler; /* NULL: not in use */
	void *arg;
	enum upstream_state state;
	struct buf in; /* an incomplete response head */
	struct http1_scan scan;
	struct http1_body body;
	struct buf trailers; /* lines, for a client that accepts them */
	/* Bytes that one wake-up may read. */
	size_t read_limit;
	uint64_t idle_since_ms;
	/* For how long the server keeps it open while idle, by its Keep-Alive field. */
	uint64_t announced_ms;
	bool is_announced;
	struct response_check check; /* of the response heads */
	uint64_t body_length;	     /* of the request; UINT64_MAX: not known */
	bool has_body;
	bool has_stray_body;
	bool is_head_open;   /* the request's head lacks Connection and its end */
	bool waits_for_body; /* a short one: the head is sent with its first piece */
	bool closes;	     /* not kept: the request says Connection: close, or Upgrade */
	bool is_reused;
	bool has_received; /* a byte of this response */
	bool is_to_head;
	bool accepts_trailers;
	bool sends_chunks;
	bool request_ended;
	bool keep_alive;
	bool is_half_closed; /* of a tunnel: we send no more */
	bool has_ended;	     /* of a tunnel: the server sends no more */
};

struct upstream {
	struct loop *loop;
	struct deferred_free_queue *deferred_frees;
	struct upstream_options options;
	struct arena arena;		 /* header lists of the response head that is being told */
	LIST_HEAD(, upstream_conn) idle; /* the most recently used first */
	size_t idle_count;
	size_t in_use_count;
	uint64_t connects;
	/* For how long an idle connection is open for sure where the server announces nothing. */
	uint64_t sure_ms;
	struct probe probe;
	struct upstream_name *name; /* NULL: the addresses are configured */
};

/* Reports the failure to the user of the connection, who releases it; an idle one is closed
 * immediately. */
void upstream_fail(struct upstream_conn *c, enum upstream_failure failure, const struct err *e);

/* Something ended the connection: what that means depends on how far the exchange came. */
void upstream_fail_as_broken(struct upstream_conn *c, const struct err *e);

/* Reads until enough bytes came, as long as there are some and the exchange goes on. */
void upstream_read(struct upstream_conn *c, size_t enough);

#endif
