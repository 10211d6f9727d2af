/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response, from the head to the access log line: routing, authentication, then
 * a response of our own or the upstream's. Independent of the version of HTTP.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_H
#define PROXY_EXCHANGE_EXCHANGE_H

#include "auth/auth.h"
#include "base/net/deferred_free.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/route.h"
#include "proxy/http/message.h"
#include "proxy/http/websocket.h"
#include "proxy/proxy.h"
#include "proxy/upstream/upstream.h"

enum exchange_state {
	EXCHANGE_NEW,
	EXCHANGE_FORM,	   /* receiving the body for an endpoint of ours */
	EXCHANGE_AUTH,	   /* waiting for the verdict */
	EXCHANGE_FORWARD,  /* the request is being sent, no final response head yet */
	EXCHANGE_RESPONSE, /* the final response head was sent on */
	EXCHANGE_TUNNEL,
	EXCHANGE_EVENTS, /* an event stream of ours, or the log */
	EXCHANGE_SSH,	 /* an SSH tunnel, or waiting for one */
	EXCHANGE_OVER,
};
#define EXCHANGE_ID_SIZE 65

struct compressor;
struct events;
struct exchange_part;
struct exchange_ssh;
struct log_stream;

struct exchange {
	struct deferred_free_entry deferred_free;
	struct proxy *proxy;
	struct stream *stream;
	enum exchange_state state;
	/* Owns the request head and all views into it; freed early in a tunnel. */
	struct arena arena;
	char *log_text; /* of a tunnel: owns path, client and method for the access log */
	struct request_head request;
	struct route route;
	struct str origin;	/* of the requested host */
	struct str page_origin; /* sent to the upstream instead of "null": see cors.h; or empty */
	char id[EXCHANGE_ID_SIZE]; /* request id: ours, or that of a trusted proxy */
	struct log_context log;
	struct str client;	  /* the browser's IP address, as trusted proxies report it */
	struct str forwarded_for; /* X-Forwarded-For for the upstream */

	struct buf form; /* body received in EXCHANGE_FORM */
	struct auth_verdict verdict;
	struct auth_call *auth_call;
	struct broker_call *broker_call; /* of ROUTE_BROKER */
	struct auth_watch watch;

	struct port_upstream *port_upstream; /* NULL: the IDE, or not allowed yet */
	struct upstream_conn *upstream;
	bool request_ended; /* the whole body was received */
	bool body_started;  /* a part of the body was sent upstream */
	bool was_retried;
	bool upstream_paused; /* reading is paused, because the stream is blocked */
	bool upstream_ended;  /* the upstream has shut down its side of the tunnel */

	struct websocket_tracker to_client; /* frames sent to the browser */
	unsigned close_code;	 /* with which the WebSocket is being closed; 0: it is open */
	struct loop_timer timer; /* of a form or a tunnel */
	bool is_counted, is_public, is_forwarded; /* in struct proxy's counts */
	const struct exchange_part *part; /* in EXCHANGE_TUNNEL, EXCHANGE_EVENTS and EXCHANGE_SSH */
	struct events *events;
	struct log_stream *log_stream;
	struct exchange_ssh *ssh;
	struct compressor *compressor; /* NULL: the response is not compressed */
	uint64_t started_us;
	uint64_t request_bytes; /* of the body */
	uint64_t response_bytes;
	unsigned status;
	bool was_lost; /* the browser disconnected before the end */
};

/*
 * The stream calls the functions up to exchange_on_lost. exchange_start takes ownership of the
 * arena, which owns *request. NULL: out of memory, after freeing the arena.
 */
struct exchange *exchange_start(struct proxy *p, struct stream *s, struct arena *arena,
				const struct request_head *request);
void exchange_on_body(struct exchange *x, struct str data);
void exchange_on_body_end(struct exchange *x);

/* Returns the connection to which the request body may be spliced, or NULL. exchange_on_spliced
 * reports that len bytes were spliced. */
struct conn *exchange_sink(struct exchange *x);
void exchange_on_spliced(struct exchange *x, size_t len);

void exchange_on_read_done(struct exchange *x); /* all bytes of this wake-up were delivered */
void exchange_on_blocked(struct exchange *x);	/* the stream became blocked without a send */
void exchange_on_drained(struct exchange *x);	/* the stream is no longer blocked */

/* The browser has shut down its side of the connection, but may still receive. False, and nothing
 * is done, unless this is a tunnel other than a WebSocket. */
bool exchange_on_half_close(struct exchange *x);

/* The browser has disconnected. The exchange does not use the stream any more. */
void exchange_on_lost(struct exchange *x);

/* Ends a tunnel or an event stream; a WebSocket at a frame boundary, with this close code. */
void exchange_close(struct exchange *x, unsigned close_code);

/* Logs the request and releases its resources, after the end of the response. Frees the exchange
 * after the current callback. Repeated calls do nothing. */
void exchange_finish(struct exchange *x);

/* Ends the response so that the browser notices that it is incomplete, and finishes. */
void exchange_abort(struct exchange *x);

#endif
