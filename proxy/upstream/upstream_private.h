/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the upstream: upstream.c, and below it upstream_response.c,
 * upstream_failure.c and upstream_pool.c.
 */
#ifndef PROXY_UPSTREAM_UPSTREAM_PRIVATE_H
#define PROXY_UPSTREAM_UPSTREAM_PRIVATE_H

#include "base/list.h"
#include "proxy/conn/conn_read.h"
#include "proxy/http/response_check.h"
#include "proxy/upstream/probe.h"
#include "proxy/upstream/upstream.h"

enum upstream_state {
	UPSTREAM_IDLE,	/* in the pool, or being closed */
	UPSTREAM_BEGUN, /* connecting, or the request is being written */
	UPSTREAM_HEAD,	/* waiting for a response head */
	UPSTREAM_BODY,
	UPSTREAM_TUNNEL,
	UPSTREAM_COMPLETE, /* the response has ended */
	UPSTREAM_CLOSED,   /* failed or closed */
};

struct upstream_conn {
	struct deferred_free_entry deferred_free;
	struct upstream *upstream;
	LIST_ENTRY(upstream_conn) idle; /* linked while in the pool */
	struct conn conn;
	size_t address_index; /* of the address it connects to */
	struct loop_timer timer;
	const struct upstream_handler *handler; /* NULL: not in use */
	void *arg;
	enum upstream_state state;
	struct buf in; /* an incomplete response head */
	struct http1_scan scan;
	struct http1_body body;
	struct buf trailers; /* lines, for a client that accepts them */
	size_t read_limit;   /* bytes to read per wake-up */
	uint64_t idle_since_ms;
	/* How long the server keeps the idle connection open according to Keep-Alive. */
	uint64_t announced_ms;
	bool is_announced;
	struct response_check check; /* of the response heads */
	uint64_t body_length;	     /* of the request; UINT64_MAX: not known */
	bool has_body;
	bool has_stray_body;
	bool is_head_open;   /* Connection and the end of the request head are not written yet */
	bool waits_for_body; /* the body is short: send the head together with its first piece */
	bool awaits_100;     /* the client may wait for 100 (Continue) before it sends the body */
	bool closes;	     /* the request has Connection: close, or Upgrade: not reusable */
	bool is_reused;
	bool has_received; /* a byte of this response */
	bool is_to_head;
	bool accepts_trailers;
	bool sends_chunks;
	bool request_ended;
	bool keep_alive;
	bool is_half_closed; /* of a tunnel: we have shut down our side */
	bool has_ended;	     /* of a tunnel: the server has shut down its side */
};

struct upstream {
	struct loop *loop;
	struct deferred_free_queue *deferred_frees;
	struct upstream_options options;
	struct arena arena;		 /* of the response head that on_head is called with */
	LIST_HEAD(, upstream_conn) idle; /* the most recently used first */
	size_t idle_count;
	size_t in_use_count;
	uint64_t connects;
	/* How long idle connections stay open for sure if the server does not announce it. */
	uint64_t reliable_ms;
	struct probe probe;
	struct upstream_name *name; /* NULL: the addresses are configured */
};

/* upstream_response.c */

/* Reads until `enough` bytes were read, none are pending, or the exchange has ended. */
void upstream_read(struct upstream_conn *c, size_t enough);

/* upstream_failure.c */

/* Restarts the timeout of the connection's state. */
void upstream_touch(struct upstream_conn *c);

/* Reports the failure to the user of the connection, who releases it; closes an idle connection. */
void upstream_fail(struct upstream_conn *c, enum upstream_failure failure, const struct err *e);
void upstream_fail_with(struct upstream_conn *c, enum upstream_failure failure, enum err_code code,
			const char *message);

/* Reports that the connection ended, as the failure that fits the state of the exchange. */
void upstream_fail_as_broken(struct upstream_conn *c, const struct err *e);

/* The deadline that upstream_touch restarts has expired, or that of an idle connection. */
void upstream_on_timer(void *arg);

/* upstream_pool.c */

/* Takes the most recently used connection out of the pool, if it is open and fulfils the freshness;
 * else returns NULL. */
struct upstream_conn *upstream_take_idle(struct upstream *u, enum upstream_freshness freshness);

/* Puts a connection into the pool, until its idle timeout. */
void upstream_put_idle(struct upstream_conn *c);

/* Removes the connection from the pool, if it is there. */
void upstream_remove_idle(struct upstream_conn *c);

/* Closes the connection, and frees it after the current callback. May be called twice. */
void upstream_discard(struct upstream_conn *c);

/* Discards all connections of the pool. */
void upstream_discard_idle(struct upstream *u);

/* The server has closed an idle connection: lowers reliable_ms accordingly. */
void upstream_note_idle_end(const struct upstream_conn *c);

#endif
