/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of a connection: downstream.c (its life, reading), downstream_timer.c (its
 * deadlines), downstream_input.c (bytes to exchanges), downstream_stream.c (exchanges to bytes).
 */
#ifndef PROXY_DOWNSTREAM_DOWNSTREAM_PRIVATE_H
#define PROXY_DOWNSTREAM_DOWNSTREAM_PRIVATE_H

#include "proxy/conn/conn_splice.h"
#include "proxy/downstream/downstream.h"
#include "proxy/downstream/rate.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/exchange.h"

/* Of a head for which a page of our own may be shown: others' cookies must not lock users out. */
#define DOWNSTREAM_HEAD_MAX    262144u
#define PEER_SIZE	       64
#define DOWNSTREAM_READ_BYTES  65536u /* at once, of a body */
#define DOWNSTREAM_AHEAD_BYTES 16384u /* the same where they may have to be held */

enum downstream_state {
	DOWNSTREAM_HANDSHAKE,
	DOWNSTREAM_IDLE,     /* between requests */
	DOWNSTREAM_HEAD,     /* some bytes of a request head are here */
	DOWNSTREAM_EXCHANGE, /* a request is being served */
	DOWNSTREAM_TUNNEL,
	DOWNSTREAM_HTTP2,  /* many exchanges: http2/http2_connection.h */
	DOWNSTREAM_FLUSH,  /* nothing follows but what is queued */
	DOWNSTREAM_LINGER, /* our side is shut; what still comes is dropped */
	DOWNSTREAM_CLOSED,
};

struct downstream {
	struct deferred_free_entry deferred_free;
	struct stream stream;
	struct proxy *proxy;
	LIST_ENTRY(downstream) entry;
	struct conn conn;
	struct loop_timer timer;
	enum downstream_state state;
	struct buf in; /* received, not used yet */
	struct http1_scan scan;
	struct http1_body body;		  /* of the request */
	struct http1_persistence request; /* what the current request said of the connection */
	enum http1_framing response;	  /* how the current response is framed */
	bool body_wanted;
	bool body_ended;
	bool awaits_100; /* the browser may wait to be asked for the body */
	bool head_sent;
	bool keep_alive;
	bool has_large_head;	 /* counted in proxy.large_heads_count */
	bool is_processing;	 /* process is on the stack: it goes on by itself */
	bool saw_end;		 /* the browser sends nothing more */
	bool is_half_closed;	 /* of a tunnel: we send nothing more */
	uint64_t waits_since_ms; /* for what the deadline is about */
	struct rate body_rate;	 /* of bytes received, while a body is waited for */
	struct rate send_rate;	 /* of bytes taken, while some wait */
	struct peer *counted;	 /* among the connections of its address */
	uint64_t lingered_bytes;
	struct http2_connection *http2; /* of DOWNSTREAM_HTTP2 and after; NULL: HTTP/1.1 */
	size_t unsent_bytes;		/* when the deadline for sending was last looked at */
	struct log_context log;
	char peer[PEER_SIZE];
};

/* downstream_timer.c */

/* Sets the deadline that goes with the state and with who is waited for. */
void downstream_arm(struct downstream *d);
void downstream_on_timer(void *arg);

/* Bytes that the browser has taken, about; and whether it took some since this was asked last. */
uint64_t downstream_count_taken(const struct downstream *d);
bool downstream_has_taken_some(struct downstream *d);

/* downstream.c */

/* The only way to another state; checks that it may follow. */
void downstream_change_state(struct downstream *d, enum downstream_state state);
/* From any state, once; freed when the stack is gone. */
void downstream_close(struct downstream *d);

void downstream_take_back(struct downstream *d); /* the conn's events, after HTTP/2 */

/* Sends what is queued, says that no more comes, and reads on for a while so that it can arrive. */
void downstream_close_when_sent(struct downstream *d);

/* downstream_stream.c */

extern const struct stream_ops downstream_stream_ops;

/* Whether more bytes may be held for later. */
bool downstream_may_read_ahead(const struct downstream *d);
/* With the next request, once the answers before it have left. */
void downstream_go_on(struct downstream *d);

/* downstream_input.c */

/* Whether a head may pass the limit, as few may at a time; and that it no longer takes memory. */
bool downstream_may_take_large_head(struct downstream *d);
void downstream_release_large_head(struct downstream *d);

/* Uses what it can of data; returns how much that was. */
size_t downstream_process(struct downstream *d, char *data, size_t len);

/* Whether downstream_process could go on with what is held. */
bool downstream_can_go_on(const struct downstream *d);
/* New bytes, behind those that are held. What is left over is held. */
void downstream_on_bytes(struct downstream *d, char *scratch, size_t len);
void downstream_stop_reading_ahead(struct downstream *d);

/* Where the rest of a large plain request body can go without a copy, or NULL; and that len bytes
 * of it went there. */
struct conn *downstream_body_sink(const struct downstream *d);
void downstream_on_moved(struct downstream *d, size_t len);

/* Responds to a request that can't be parsed, and closes. head is what has arrived of it. */
void downstream_refuse(struct downstream *d, unsigned status, struct str head, const struct err *e);

#endif
