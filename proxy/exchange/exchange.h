/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its response, from the head to the access log line: route, authentication, then
 * an answer of our own or the upstream's. Speaks in messages: which protocol carried them is the
 * stream's business.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_H
#define PROXY_EXCHANGE_EXCHANGE_H

#include "auth/auth.h"
#include "base/arena.h"
#include "base/net/deferred_free.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/route.h"
#include "proxy/http/message.h"
#include "proxy/http/websocket.h"
#include "proxy/proxy.h"
#include "proxy/upstream/upstream.h"

enum exchange_state {
	EXCHANGE_NEW,
	EXCHANGE_FORM,	   /* gathering the body for an endpoint of ours */
	EXCHANGE_AUTH,	   /* the verdict is being found */
	EXCHANGE_FORWARD,  /* the request is on its way upstream */
	EXCHANGE_RESPONSE, /* the final response head was sent on */
	EXCHANGE_TUNNEL,
	EXCHANGE_EVENTS, /* an event stream of ours */
	EXCHANGE_OVER,
};

#define EXCHANGE_ID_SIZE 20

struct compressor;
struct events;

struct exchange {
	struct deferred_free_entry reap;
	struct proxy *proxy;
	struct stream *stream;
	enum exchange_state state;
	struct arena arena; /* the head and what hangs on it */
	char *kept;	    /* of a tunnel, whose arena is gone: what its log line says */
	struct request_head request;
	struct route route;
	struct str origin; /* of the host asked for */
	char id[EXCHANGE_ID_SIZE];
	struct log_context log;
	struct str client;	  /* the browser's IP, as far as trusted proxies tell */
	struct str forwarded_for; /* for the upstream */

	struct buf form; /* of EXCHANGE_FORM */
	struct auth_verdict verdict;
	struct auth_call *auth_call;
	struct auth_watch watch;

	struct port_upstream *target; /* of a port; NULL: the IDE, or not allowed yet */
	struct upstream_conn *upstream;
	bool request_ended; /* its body has wholly arrived */
	bool body_started;  /* some of it went upstream: can't be sent again */
	bool was_retried;
	bool upstream_paused; /* not read, because the browser is slower */

	struct websocket_tracker to_client; /* frames sent to the browser */
	unsigned close_code; /* 0; or the code to close the WebSocket with at the next boundary */
	struct loop_timer timer; /* of a form, or of a WebSocket: to ping or to close it */
	bool is_counted;	 /* among the WebSockets */

	struct events *events;

	/* Of the response; NULL: it is sent as it is. */
	struct compressor *compressor;

	uint64_t started_us;
	uint64_t request_bytes; /* of the body */
	uint64_t response_bytes;
	unsigned status;
	bool was_lost; /* the browser left first */
};

/*
 * Called by the stream. The exchange keeps views into the arena, whose ownership passes to it. NULL
 * without memory: then the arena was freed.
 */
struct exchange *exchange_start(struct proxy *p, struct stream *s, struct arena *arena,
				const struct request_head *request);
void exchange_on_body(struct exchange *x, struct str data);
void exchange_on_body_end(struct exchange *x);

/* Where the request's body may go past exchange_on_body, or NULL; then exchange_on_moved tells how
 * much went. */
struct conn *exchange_sink(struct exchange *x);
void exchange_on_moved(struct exchange *x, size_t len);
void exchange_on_round(struct exchange *x);   /* everything of this wake-up was told */
void exchange_on_drained(struct exchange *x); /* the stream takes more */
/* The browser is gone; the stream is not used any more. */
void exchange_on_lost(struct exchange *x);

/* Ends what is under way: a WebSocket with this close code between frames, an event stream cleanly.
 */
void exchange_close(struct exchange *x, unsigned close_code);

/* Where the request goes that x->verdict allowed: the IDE, or a port. */
struct upstream *exchange_server(const struct exchange *x);

/* What lasts ends with the session that x->verdict allowed: see auth_watch_start. */
void exchange_watch_session(struct exchange *x);

/* For the modules that answer, after send_end: writes the access log and frees. Twice is fine. */
void exchange_finish(struct exchange *x);

#endif
