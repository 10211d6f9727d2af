/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of an HTTP/2 connection: http2_connection.c (its life, reading),
 * http2_connection_streams.c (events to exchanges, exchanges to messages), http2_connection_send.c,
 * http2_connection_timer.c (deadlines), http2_connection_held.c (what may be held). Each calls only
 * later ones.
 */
#ifndef PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_PRIVATE_H
#define PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_PRIVATE_H

#include "proxy/downstream/downstream_private.h"
#include "proxy/downstream/http2/http2_connection.h"

struct http2_exchange {
	struct deferred_free_entry deferred_free;
	struct http2_stream codec;
	struct stream stream;
	struct http2_connection *connection;
	LIST_ENTRY(http2_exchange) entry;
	LIST_ENTRY(http2_exchange) blocked; /* linked: is notified when it is no longer blocked */
	LIST_ENTRY(http2_exchange) round;   /* linked: got bytes in this wake-up */
	size_t head_bytes;
	bool has_body; /* of the request */
	bool awaits_100;
	bool head_sent;
	bool is_tunnel;
	uint64_t body_since_ms; /* when bytes of the body last arrived or were first waited for */
	uint64_t send_since_ms; /* when bytes were last sent or first blocked; 0: none wait */
	uint64_t sent_bytes;	/* at that time */
	uint64_t linger_ms;	/* start of HTTP2_LINGER_MS for a tunnel; 0: not lingering */
	struct rate body_rate;
	struct rate send_rate;
};

LIST_HEAD(http2_exchanges, http2_exchange);

struct http2_connection {
	struct downstream *downstream;
	const struct conn_ops *http1_ops; /* of the conn, before and after HTTP/2 */
	struct http2 *codec;
	struct http2_exchanges all;
	struct http2_exchanges blocked;
	struct http2_exchanges rounds;
	struct loop_defer settle; /* runs after the current callback */
	struct loop_timer timer;
	bool is_receiving; /* bytes are sent when it is done */
	bool has_failed;
	bool is_stopped;
	bool is_table_trimmed;	   /* memory for requests was freed */
	size_t head_bytes;	   /* of all current exchanges */
	size_t held_bytes;	   /* counted in proxy.http2_held */
	bool is_held_as_user;	   /* counted in the pool of users */
	uint64_t started_ms;	   /* when the first byte arrived; 0: none yet */
	uint64_t block_since_ms;   /* start of the head being received; 0: none */
	uint64_t idle_since_ms;	   /* without exchanges */
	uint64_t blocked_since_ms; /* since when the socket is blocked; 0: it is not */
	uint64_t drain_ms;	   /* 0: not draining */
};

/* http2_connection_send.c */

/* At the end of this iteration of the event loop, delivers events, sends, and closes a connection
 * that has ended. Frames of many streams thus share TLS records and system calls. */
void http2_connection_settle_later(struct http2_connection *c);

/* Sends gathered bytes if they fill a TLS record: gathering more would not be cheaper. */
void http2_connection_send_large(struct http2_connection *c);

/* Sends what the codec has, and gathered bytes. */
void http2_connection_flush(struct http2_connection *c);

/* The codec reported that the connection has failed. */
void http2_connection_fail(struct http2_connection *c);

/* http2_connection_streams.c */

/* http2_ops.on_open: returns the stream of a new exchange. */
struct http2_stream *http2_exchange_open(void *arg);

void http2_streams_dispatch_events(struct http2_connection *c);
void http2_streams_flush_rounds(struct http2_connection *c);

/* Notifies exchanges that are no longer blocked. */
void http2_streams_notify_drained(struct http2_connection *c);

/* Ends all exchanges, because the browser has disconnected. */
void http2_streams_lose_all(struct http2_connection *c);

/* Ends a stream early: with 408 before a response, else with a reset. */
void http2_exchange_time_out(struct http2_exchange *x, const struct err *e);

/* http2_connection_held.c */

/* Updates the count after heads or unsent bytes have changed. */
void http2_held_note(struct http2_connection *c);

/* Whether there is room for a request with a head of this size. */
bool http2_held_has_room(struct http2_connection *c, size_t head_bytes);

/* Whether there are so many unsent bytes that exchanges have to stop sending. */
bool http2_held_is_full(const struct http2_connection *c);

#endif
