/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of an HTTP/2 connection's codec (http2.h): a request and its response. Functions that
 * send write frames at once, as far as the owner and flow control let them, and return false where
 * the connection has failed or there is no memory.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_STREAM_H
#define PROXY_HTTP_HTTP2_HTTP2_STREAM_H

#include "base/list.h"
#include "proxy/http/message.h"

struct http2;

/* Error codes (RFC 9113 section 7) that the owner gives. */
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
	bool has_head; /* its head was told */
	bool has_end;  /* the peer sends no more: to be told, or told */
	bool end_told;
	bool wants_data;
	bool discards; /* received data is discarded */
	bool is_closed;
	bool out_ended;	      /* all of the answer is here */
	bool is_deferred;     /* nothing to send for now */
	bool answered;	      /* the whole answer has been sent */
	bool is_connect;      /* Extended CONNECT */
	bool keeps_open;      /* a tunnel: the peer may send after our end */
	struct buf in;	      /* received, not wanted yet */
	size_t taken;	      /* by the owner, without credit yet */
	struct buf out;	      /* to be sent */
	size_t out_sent;      /* leading bytes of out that are sent already */
	struct str direct;    /* the same, in the caller's memory, during http2_send */
	uint64_t length_left; /* of the answer; UINT64_MAX: not known */
	uint64_t received_bytes;
	uint64_t sent_bytes;
	struct headers *trailers;
	struct http2 *codec;
};

/* Buffered bytes that are not sent yet. */
static inline size_t
http2_stream_waiting(const struct http2_stream *s)
{
	return s->out.len - s->out_sent;
}

/* Bytes that the peer lets this stream send by now, whatever the connection's window is. */
size_t http2_stream_window(const struct http2_stream *s);

/* Whether DATA events are reported. Buffered data is then reported, and the window extended for
 * data that was taken. */
void http2_want_data(struct http2_stream *s, bool wanted);
void http2_took_data(struct http2_stream *s, size_t len);

/* No more DATA events: what is here and what comes is dropped, with credit. */
void http2_discard(struct http2_stream *s);

/* 1xx heads may come before the final one, which for a WebSocket is 101. Names may have any case;
 * fields of HTTP/1.1 connections are left out. */
bool http2_send_head(struct http2_stream *s, const struct response_head *head) MUST_CHECK;

/* Sends what can be sent now and holds the rest. False as http2_pump, or without memory. */
bool http2_send(struct http2_stream *s, struct str data) MUST_CHECK;

/* The answer is over; trailers, or NULL, follow it. */
bool http2_send_end(struct http2_stream *s, const struct headers *trailers) MUST_CHECK;

/* Ends the stream; does nothing where it is closed. */
void http2_reset(struct http2_stream *s, enum http2_error code);

/* More of this stream may be under way. */
void http2_widen_stream(struct http2_stream *s);

/* Frees what a stream holds that is not closed, at the end of the connection. */
void http2_stream_fini(struct http2_stream *s);

#endif
