/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of one HTTP/2 connection (RFC 9113) without sockets, on nghttp2: bytes in, events
 * out; messages in, bytes out.
 *
 * http2_receive takes bytes, http2_next_event returns the events that follow from them, and
 * http2_pump writes frames until the owner is blocked. Requests are returned as events, not by
 * callbacks (http2_ops only provides streams and output), so every function may be called at any
 * time between events. Data that a stream can't send yet is buffered, as is received data until
 * the owner takes it, within the windows of flow control; the window is extended for data that was
 * taken.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_H
#define PROXY_HTTP_HTTP2_HTTP2_H

#include "proxy/http/http2/http2_request.h"
#include "proxy/http/http2/http2_stream.h"

#define HTTP2_PREFACE	  STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
#define HTTP2_STREAMS_MAX 128u
#define HTTP2_RECEIVE_MAX 65536u /* bytes to receive at once; some may have to be buffered */

/* Bytes buffered for a slow peer. The owner enforces the first limit; sending beyond the second
 * fails.
 */
#define HTTP2_PENDING_MAX	 524288u  /* of all streams together */
#define HTTP2_STREAM_PENDING_MAX 1048576u /* of one stream */

/* Receive windows of streams (flow control): bytes that may have to be buffered. */
#define HTTP2_WINDOW_BYTES	65535u
#define HTTP2_USER_WINDOW_BYTES 1048576u /* after http2_trust */

struct http2_ops {
	/* The peer opens a stream. NULL refuses it. */
	struct http2_stream *(*on_open)(void *arg);
	/* Whether a head may exceed head_max_bytes. */
	bool (*may_be_large)(void *arg);
	void (*write)(struct str data, void *arg);
	bool (*is_blocked)(void *arg);
};

struct http2_options {
	struct http2_request_limits limits;
	size_t response_head_max_bytes;
	bool takes_websockets;
	uint64_t now_ms;
};

struct http2 *http2_new(const struct http2_options *options, const struct http2_ops *ops, void *arg,
			struct err *e) MUST_CHECK;
/* The owner frees the streams. */
void http2_free(struct http2 *h);

/* Processes *used bytes of data, which it may change. Handle all events before the next call. Call
 * it again while bytes are left or http2_is_paused, then even without bytes. False: the connection
 * has failed; http2_pump writes the GOAWAY. */
bool http2_receive(struct http2 *h, char *data, size_t len, size_t *used, uint64_t now_ms,
		   struct err *e) MUST_CHECK;
bool http2_is_paused(const struct http2 *h);

enum http2_event_kind {
	HTTP2_EVENT_NONE,
	HTTP2_EVENT_HEAD,     /* the owner gets request and arena */
	HTTP2_EVENT_REJECTED, /* the same; respond with this status */
	HTTP2_EVENT_DATA,     /* data is valid until the next event; call http2_took_data */
	HTTP2_EVENT_END,      /* of the request */
	HTTP2_EVENT_CLOSED,   /* the codec does not use the stream any more */
};

struct http2_event {
	enum http2_event_kind kind;
	struct http2_stream *stream;
	struct request_head request;
	struct arena arena;
	struct str data;
	unsigned status;
	struct err e;
};

bool http2_next_event(struct http2 *h, struct http2_event *event);

/* Whether http2_next_event would return an event. */
bool http2_has_events(const struct http2 *h);

/* Writes frames until none are left or the owner is blocked. False: the connection has failed. */
bool http2_pump(struct http2 *h);

/* Frees memory of an idle connection, which the next request allocates again: a system call and a
 * page fault. */
void http2_trim_idle(struct http2 *h);

/* The peer is a signed-in user: enlarges windows and the limits against floods. */
void http2_trust(struct http2 *h);

/* Send GOAWAY: as a notice; then with the last stream that is served; or immediately with an error,
 * after which nothing more is received. */
void http2_announce_end(struct http2 *h);
void http2_begin_end(struct http2 *h);
void http2_terminate(struct http2 *h, enum http2_error code);

/* Whether the connection can be closed: no bytes are to be sent, and no frames are expected. */
bool http2_is_over(const struct http2 *h);

/* Returns why http2_receive or http2_pump has failed; NULL: no memory, or an error of nghttp2. */
const char *http2_find_failure(const struct http2 *h);

/* Returns the error that was sent with GOAWAY, as text; NULL: none. */
const char *http2_find_fault(const struct http2 *h);

bool http2_has_settings(const struct http2 *h); /* the peer's preface is complete */
bool http2_is_in_head(const struct http2 *h);	/* a header block is incomplete */
size_t http2_streams_count(const struct http2 *h);
size_t http2_pending_bytes(const struct http2 *h);

#endif
