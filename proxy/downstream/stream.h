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
	/* Writes a head: its fields unchanged, and framing. 1xx heads may precede the final one. */
	void (*send_head)(struct stream *s, const struct response_head *head);
	void (*send_body)(struct stream *s, struct str data); /* after 101: bytes of the tunnel */
	/* Returns the connection to which the body may be spliced, or NULL: see conn_splice.
	 * Call flush, but not send_body, for spliced bytes. */
	struct conn *(*sink)(struct stream *s);
	/* Ends the response, and the exchange for the stream. Sends trailers (or NULL) if the
	 * framing allows them. */
	void (*send_end)(struct stream *s, const struct headers *trailers);
	/* Shuts down our side of a tunnel, after all bytes were sent. */
	void (*half_close)(struct stream *s);
	void (*flush)(struct stream *s); /* sends queued bytes now */
	void (*abort)(struct stream *s); /* ends so that the browser notices the failure */
	/* Whether the stream is blocked: send no more body until exchange_on_drained. */
	bool (*is_blocked)(struct stream *s);
	/* Enables or disables exchange_on_body. */
	void (*want_body)(struct stream *s, bool wanted);
};

/* For the access log and metrics. */
enum stream_protocol { STREAM_HTTP10, STREAM_HTTP11, STREAM_HTTP2, STREAM_PROTOCOLS };

struct stream {
	const struct stream_ops *ops;
	struct exchange *exchange; /* NULL: none, or it has ended */
	const struct log_context *log;
	struct str peer_ip;
	enum stream_protocol protocol;
	/* Limit of bytes of a response to read at once, because they may have to be buffered; 0: no
	 * limit. */
	size_t read_max;
	bool is_tls;
	bool has_user; /* it has carried a request of a signed-in user or an API token */
};

#endif
