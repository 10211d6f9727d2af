/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exchange needs of the connection that carries it: one request in, one response out, in
 * messages. An HTTP/1.1 connection has one stream at a time (downstream_stream.c), an HTTP/2
 * connection many (http2/http2_connection_streams.c); the interface does not depend on it.
 */
#ifndef PROXY_DOWNSTREAM_STREAM_H
#define PROXY_DOWNSTREAM_STREAM_H

#include "base/log/log.h"
#include "proxy/http/message.h"

struct conn;
struct exchange;
struct stream;

struct stream_ops {
	/* 1xx heads may come before the final one. The fields are written as they are, framing is
	 * added. */
	void (*send_head)(struct stream *s, const struct response_head *head);
	void (*send_body)(struct stream *s, struct str data); /* after 101: the tunnel's bytes */
	/* The connection that takes the body's bytes as they are, or NULL: see conn_splice. What
	 * was moved there needs no send_body, but flush. */
	struct conn *(*sink)(struct stream *s);
	/* The exchange is over for the stream. trailers, or NULL, are sent where the framing has a
	 * place for them. */
	void (*send_end)(struct stream *s, const struct headers *trailers);
	/* Sends nothing more into a tunnel, once what was sent before has left. */
	void (*half_close)(struct stream *s);
	void (*flush)(struct stream *s); /* what was sent leaves now */
	void (*abort)(struct stream *s); /* over, and the browser must see that it broke */
	/* Whether to send no more body until exchange_on_drained. */
	bool (*is_blocked)(struct stream *s);
	/* Whether exchange_on_body may be called. */
	void (*want_body)(struct stream *s, bool wanted);
};

/* For the access log and metrics. */
enum stream_protocol { STREAM_HTTP10, STREAM_HTTP11, STREAM_HTTP2, STREAM_PROTOCOLS };

struct stream {
	const struct stream_ops *ops;
	struct exchange *exchange; /* NULL: none, or over */
	const struct log_context *log;
	struct str peer_ip;
	enum stream_protocol protocol;
	/* Bytes of a response that may be read at once, because they may have to be held; 0: as
	 * many as the connection likes. */
	size_t read_max;
	bool is_tls;
	bool has_user; /* a request of a signed-in user or of a program came this way */
};

#endif
