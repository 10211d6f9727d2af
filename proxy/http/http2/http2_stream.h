/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of an HTTP/2 connection's codec (http2.h): a request and its response. Functions that
 * send write frames immediately, as far as flow control and the owner allow, and return false if
 * the connection has failed or memory is short.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_STREAM_H
#define PROXY_HTTP_HTTP2_HTTP2_STREAM_H

#include "base/list.h"
#include "proxy/http/message.h"

struct http2;

/* Error codes (RFC 9113 section 7) that the owner uses. */
enum http2_error {
	HTTP2_NO_ERROR = 0x0,
	HTTP2_PROTOCOL_ERROR = 0x1,
	HTTP2_INTERNAL_ERROR = 0x2,
	HTTP2_STREAM_CLOSED = 0x5,
	HTTP2_REFUSED_STREAM = 0x7,
	HTTP2_CANCEL = 0x8,
	HTTP2_ENHANCE_YOUR_CALM = 0xb,
};

/* Embedded in the owner's object. */
struct http2_stream {
	TAILQ_ENTRY(http2_stream) ready;
	int32_t id;
	bool is_ready; /* linked */
	bool has_head; /* the head was returned as an event */
	bool has_end;  /* the peer has ended its side */
	bool end_reported;
	bool wants_data;
	bool discards; /* received data is discarded */
	bool is_closed;
	bool out_ended;	      /* the owner has ended the response */
	bool is_deferred;     /* nothing to send at the moment */
	bool answered;	      /* the whole response has been sent */
	bool is_connect;      /* Extended CONNECT */
	bool keeps_open;      /* a tunnel: the peer may send after we ended our side */
	struct buf in;	      /* received, but DATA events are off */
	size_t taken;	      /* bytes taken by the owner, before the window is extended for them */
	struct buf out;	      /* to be sent */
	size_t out_sent;      /* bytes at the start of out that were sent */
	struct str direct;    /* to be sent, in the caller's memory; only during http2_send */
	uint64_t length_left; /* bytes left of the response; UINT64_MAX: not known */
	uint64_t received_bytes;
	uint64_t sent_bytes;
	struct headers *trailers;
	struct http2 *codec;
};

/* Returns the number of buffered bytes that were not sent yet. */
static inline size_t
http2_stream_waiting(const struct http2_stream *s)
{
	return s->out.len - s->out_sent;
}

/* Returns the stream's send window in bytes (flow control), without regard to the connection's. */
size_t http2_stream_window(const struct http2_stream *s);

/* Enables or disables DATA events. Enabling also reports buffered data. http2_took_data extends the
 * window for data that the owner has processed. */
void http2_want_data(struct http2_stream *s, bool wanted);
void http2_took_data(struct http2_stream *s, size_t len);

/* Ends DATA events: drops buffered and further data, and extends the window for it. */
void http2_discard(struct http2_stream *s);

/* Sends a head: any number of 1xx, then the final one, which is 101 for a WebSocket. Converts names
 * to lower case, and drops fields of HTTP/1.1 connections. */
bool http2_send_head(struct http2_stream *s, const struct response_head *head) MUST_CHECK;

/* Sends what can be sent now and buffers the rest. */
bool http2_send(struct http2_stream *s, struct str data) MUST_CHECK;

/* Ends the response, with trailers (or NULL). */
bool http2_send_end(struct http2_stream *s, const struct headers *trailers) MUST_CHECK;

/* Resets the stream. Does nothing if it is closed. */
void http2_reset(struct http2_stream *s, enum http2_error code);

/* Enlarges the receive window of the stream. */
void http2_widen_stream(struct http2_stream *s);

/* Frees the buffers of a stream that is not closed, at the end of the connection. */
void http2_stream_fini(struct http2_stream *s);

#endif
