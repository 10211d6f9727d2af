/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of an HTTP/2 connection: http2_connection.c (its life, reading and sending),
 * http2_connection_streams.c (events to exchanges, exchanges to messages),
 * http2_connection_timer.c (deadlines), http2_connection_held.c (what may be held).
 */
#ifndef PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_PRIVATE_H
#define PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_PRIVATE_H

#include "proxy/downstream/downstream_private.h"
#include "proxy/downstream/http2/http2_connection.h"

/* For the other side of a tunnel to close it as well. */
#define HTTP2_LINGER_MS 2000u

struct http2_exchange {
	struct deferred_free_entry deferred_free;
	struct http2_stream codec;
	struct stream stream;
	struct http2_connection *connection;
	LIST_ENTRY(http2_exchange) entry;
	LIST_ENTRY(http2_exchange) blocked; /* linked: is notified when it is no longer blocked */
	LIST_ENTRY(http2_exchange) round;   /* linked: bytes were told in this wake-up */
	size_t head_bytes;
	bool has_body; /* of the request */
	bool awaits_100;
	bool head_sent;
	bool is_tunnel;
	uint64_t body_since_ms; /* when something of the body came, or was waited for */
	uint64_t send_since_ms; /* when something was sent, or could not be; 0: nothing waits */
	uint64_t sent_bytes;	/* at that time */
	uint64_t linger_ms;	/* since when a tunnel's other side may still close; 0: not */
	struct rate body_rate;
	struct rate send_rate;
};

LIST_HEAD(http2_exchanges, http2_exchange);

struct http2_connection {
	struct downstream *downstream;
	struct http2 *codec;
	struct http2_exchanges all;
	struct http2_exchanges blocked;
	struct http2_exchanges rounds;
	struct loop_defer settle; /* after calls of exchanges, when the stack is gone */
	struct loop_timer timer;
	bool is_receiving; /* sends when it is done */
	bool has_failed;
	bool is_stopped;
	bool is_at_rest;	   /* has given back what it needs for requests only */
	size_t head_bytes;	   /* of exchanges under way */
	size_t held_bytes;	   /* counted in proxy.http2_held */
	bool is_held_as_user;	   /* in the second of them */
	uint64_t started_ms;	   /* when the peer began to speak; 0: it did not */
	uint64_t block_since_ms;   /* of the head that is being received; 0: none */
	uint64_t idle_since_ms;	   /* without exchanges */
	uint64_t blocked_since_ms; /* the socket took nothing; 0: it is not blocked */
	uint64_t drain_ms;	   /* 0: not draining */
};

/* http2_connection.c */

/* When what the loop has found ready is done: tells events, sends, and closes a connection that is
 * over. So frames of many streams share records and system calls. */
void http2_connection_settle_later(struct http2_connection *c);

/* Sends what is gathered, if it is enough for a record of TLS: more would not make it cheaper. */
void http2_connection_send_large(struct http2_connection *c);

/* The codec said that the connection can't go on. */
void http2_connection_fail(struct http2_connection *c);

/* GOAWAY with this error, then closes. */
void http2_connection_end(struct http2_connection *c, enum http2_error code,
			  enum metrics_http2_end reason, const struct err *e);

/* http2_connection_streams.c */

/* For the codec: its stream is part of a new exchange. */
struct http2_stream *http2_exchange_open(void *arg);

void http2_streams_tell_events(struct http2_connection *c);
void http2_streams_tell_rounds(struct http2_connection *c);

/* Exchanges that are not blocked any more go on. */
void http2_streams_tell_drained(struct http2_connection *c);

/* All that are under way are lost. */
void http2_streams_lose_all(struct http2_connection *c);

/* Ends a stream early: 408 where there is no answer yet, else a reset. */
void http2_exchange_time_out(struct http2_exchange *x, const struct err *e);

bool http2_exchange_waits_for_body(const struct http2_exchange *x);

/* http2_connection_held.c */

/* Heads and unsent bytes have changed. */
void http2_held_note(struct http2_connection *c);

/* For one more request with such a head. */
bool http2_held_has_room(struct http2_connection *c, size_t head_bytes);

/* So many bytes of responses are unsent that their exchanges have to wait. */
bool http2_held_is_full(const struct http2_connection *c);

/* http2_connection_timer.c */

/* Looks at all deadlines after at most this long. */
void http2_timer_look_within(struct http2_connection *c, uint64_t delay_ms);
void http2_timer_init(struct http2_connection *c);

/* Note what is waited for; idle: for a request. */
void http2_timer_note_idle(struct http2_connection *c);
void http2_timer_note_body(struct http2_exchange *x);
void http2_timer_note_sending(struct http2_exchange *x);
void http2_timer_note_connection(struct http2_connection *c);

#endif
