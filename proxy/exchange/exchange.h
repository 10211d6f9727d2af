/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response, from the head to the access log line: routing, authentication, then
 * a response of our own or the upstream's. Knows messages, not the protocol that carries them.
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
struct exchange_ssh;
struct log_stream;

struct exchange {
	struct deferred_free_entry deferred_free;
	struct proxy *proxy;
	struct stream *stream;
	enum exchange_state state;
	/* Owns the request head and all views into it; freed early in a tunnel. */
	struct arena arena;
	char *log_text; /* of a tunnel: path and client for the access log */
	struct request_head request;
	struct route route;
	struct str origin;	/* of the requested host */
	struct str page_origin; /* shown to the upstream in place of none: see cors.h; or empty */
	char id[EXCHANGE_ID_SIZE]; /* of the request: ours, or that of a trusted proxy */
	struct log_context log;
	struct str client;	  /* the browser's IP, by the word of trusted proxies */
	struct str forwarded_for; /* for the upstream */

	struct buf form; /* of EXCHANGE_FORM */
	struct auth_verdict verdict;
	struct auth_call *auth_call;
	struct broker_call *broker_call; /* of ROUTE_BROKER */
	struct auth_watch watch;

	struct port_upstream *port_upstream; /* NULL: the IDE, or not allowed yet */
	struct upstream_conn *upstream;
	bool request_ended; /* the whole body was received */
	bool body_started;  /* some of the body was sent upstream */
	bool was_retried;
	bool upstream_paused; /* not read, because the stream is blocked */
	bool upstream_ended;  /* it sends nothing more into the tunnel */

	struct websocket_tracker to_client; /* frames sent to the browser */
	unsigned close_code;	    /* of the WebSocket, which is being closed; 0: it is not */
	struct loop_timer timer;    /* of a form or a tunnel */
	bool is_counted, is_public; /* in websockets_count and public_count of the proxy */
	struct events *events;
	struct log_stream *log_stream;
	struct exchange_ssh *ssh;      /* of EXCHANGE_SSH */
	struct compressor *compressor; /* of the response; NULL: it is sent as it is */
	uint64_t started_us;
	uint64_t request_bytes; /* of the body */
	uint64_t response_bytes;
	unsigned status;
	bool was_lost; /* the browser left first */
};

/*
 * The functions up to exchange_on_lost are called by the stream. The exchange takes ownership of
 * the arena, which holds *request. NULL without memory: the arena was freed.
 */
struct exchange *exchange_start(struct proxy *p, struct stream *s, struct arena *arena,
				const struct request_head *request);
void exchange_on_body(struct exchange *x, struct str data);
void exchange_on_body_end(struct exchange *x);

/* Where the request body may be spliced to, or NULL; and that len bytes were. */
struct conn *exchange_sink(struct exchange *x);
void exchange_on_moved(struct exchange *x, size_t len);

/* All bytes of this wake-up were delivered: time to flush. */
void exchange_on_round(struct exchange *x);

void exchange_on_blocked(struct exchange *x); /* the stream, without having been sent anything */
void exchange_on_drained(struct exchange *x); /* it is no longer blocked */

/* The browser is gone: the stream is not used any more. */
void exchange_on_lost(struct exchange *x);

/* Ends a tunnel or an event stream; a WebSocket between frames, with this close code. */
void exchange_close(struct exchange *x, unsigned close_code);

/* The response was ended before: logs, releases and later frees it. Further calls do nothing. */
void exchange_finish(struct exchange *x);

/* Finishes so that the browser notices an incomplete response. */
void exchange_abort(struct exchange *x);

/* The server that x->verdict allowed: the IDE, or that of a port. */
static inline struct upstream *
exchange_server(const struct exchange *x)
{
	return x->port_upstream == NULL ? x->proxy->upstream : port_upstream_pool(x->port_upstream);
}

#endif
