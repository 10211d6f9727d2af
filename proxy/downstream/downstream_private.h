/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of a connection: downstream.c (accepting, reading), downstream_input.c (bytes
 * to exchanges), downstream_stream.c (exchanges to bytes), downstream_state.c (states, deadlines,
 * the end). Each calls only later ones; http2/ is between the second and the last.
 */
#ifndef PROXY_DOWNSTREAM_DOWNSTREAM_PRIVATE_H
#define PROXY_DOWNSTREAM_DOWNSTREAM_PRIVATE_H

#include "proxy/conn/conn_read.h"
#include "proxy/downstream/downstream.h"
#include "proxy/downstream/rate.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/exchange.h"

/* Limit of heads of requests for our own pages. Higher than HEAD_MAX_SIZE, so that cookies of other
 * servers can't lock users out. */
#define DOWNSTREAM_HEAD_MAX    262144u
#define DOWNSTREAM_READ_BYTES  65536u /* per read of a body */
#define DOWNSTREAM_AHEAD_BYTES 16384u /* per read of bytes that may have to be buffered */

enum downstream_state {
	DOWNSTREAM_HANDSHAKE,
	DOWNSTREAM_IDLE,     /* between requests */
	DOWNSTREAM_HEAD,     /* a part of a request head has arrived */
	DOWNSTREAM_EXCHANGE, /* a request is being served */
	DOWNSTREAM_TUNNEL,
	DOWNSTREAM_HTTP2,  /* many exchanges: http2/http2_connection.h */
	DOWNSTREAM_FLUSH,  /* sending the last queued bytes */
	DOWNSTREAM_LINGER, /* our side is shut down; received bytes are dropped */
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
	struct buf in; /* received, not processed yet */
	struct http1_scan scan;
	struct http1_body body;		  /* of the request */
	struct http1_persistence request; /* of the current request */
	enum http1_framing response;	  /* of the current response */
	bool body_wanted;
	bool body_ended;
	bool awaits_100; /* the browser may wait for 100 (Continue) before it sends the body */
	bool head_sent;
	bool keep_alive;
	bool has_large_head;	 /* counted in proxy.large_heads_count */
	bool is_processing;	 /* downstream_process is running, and will continue */
	bool saw_end;		 /* the browser has shut down its side */
	bool is_half_closed;	 /* of a tunnel: we have shut down our side */
	uint64_t waits_since_ms; /* start of the current deadline */
	struct rate body_rate;	 /* of received bytes, while waiting for a body */
	struct rate send_rate;	 /* of sent bytes, while bytes wait to be sent */
	struct peer *counted;	 /* the address for which the connection is counted */
	uint64_t lingered_bytes;
	struct http2_connection *http2; /* of DOWNSTREAM_HTTP2 and after; NULL: HTTP/1.1 */
	const struct http2_connection_ops *http2_ops;
	size_t unsent_bytes; /* as of the last check of the send timeout */
	struct log_context log;
	char peer[64]; /* the client's address, as text */
};

/* downstream_state.c */

/* Changes the state, after asserting that the transition is valid, and starts its deadline. */
void downstream_change_state(struct downstream *d, enum downstream_state state);

/* Closes the connection in any state, and frees it after the current callback. */
void downstream_close(struct downstream *d);

/* Sends queued bytes, shuts down our side, and reads on for a while so that the bytes arrive.
 * downstream_linger does this when no bytes are queued. */
void downstream_close_when_sent(struct downstream *d);
void downstream_linger(struct downstream *d);

/* Refuses a request that can't be parsed, and closes. head: the part of it that has arrived. */
void downstream_refuse(struct downstream *d, unsigned status, struct str head, const struct err *e);

/* Reserves one of the few places for heads over the limit, or returns false; releases it. */
bool downstream_may_take_large_head(struct downstream *d);
void downstream_release_large_head(struct downstream *d);

/* Starts the deadline for the current state and for the side that is waited for. */
void downstream_arm(struct downstream *d);
void downstream_on_timer(void *arg);

/* The approximate number of bytes that the browser has received; whether it has received more. */
uint64_t downstream_count_taken(const struct downstream *d);
bool downstream_has_taken_some(struct downstream *d);

/* downstream_stream.c */
extern const struct stream_ops downstream_stream_ops;

/* Whether there is room to buffer bytes after the current request. */
bool downstream_may_read_ahead(const struct downstream *d);

/* Continues with the next request, once the previous responses have been sent. */
void downstream_continue(struct downstream *d);

/* downstream_input.c */

/* Processes data. Returns the number of bytes consumed. */
size_t downstream_process(struct downstream *d, char *data, size_t len);
bool downstream_can_continue(const struct downstream *d); /* with buffered bytes */

/* Processes new bytes, after the buffered ones, and buffers what is left. */
void downstream_on_bytes(struct downstream *d, char *scratch, size_t len);
void downstream_stop_reading_ahead(struct downstream *d);

/* Returns the connection to which the rest of a large plain request body can be spliced, or NULL.
 * downstream_on_spliced reports that len bytes were spliced. */
struct conn *downstream_body_sink(const struct downstream *d);
void downstream_on_spliced(struct downstream *d, size_t len);

#endif
