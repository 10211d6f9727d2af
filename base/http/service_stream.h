/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply of base/http/service whose body comes from a source, piece by piece: the next piece is
 * requested when the client has taken the last one. With HTTP/1.1 the body is chunked; with
 * HTTP/1.0 it ends with the connection.
 */
#ifndef BASE_HTTP_SERVICE_STREAM_H
#define BASE_HTTP_SERVICE_STREAM_H

#include "base/http/service.h"

struct bufferevent;
struct evbuffer;
struct service_stream;

typedef void service_stream_fn(void *arg);

struct service_stream_options {
	struct loop *loop;
	struct bufferevent *bev; /* its callbacks are replaced by the stream's */
	struct loop_timer *deadline;
	uint64_t idle_timeout_ms;    /* restarted after each piece */
	service_stream_fn *on_end;   /* all was written or passed to bev */
	service_stream_fn *on_close; /* the client has disconnected */
	void *arg;
};

/* Sends the head and the reply's body, then what its source has, if any. NULL: out of memory; the
 * source is closed. Valid until it is freed. */
struct service_stream *service_stream_new(const struct service_stream_options *options,
					  const struct service_reply *reply,
					  const struct service_request *request) MUST_CHECK;
void service_stream_free(struct service_stream *s); /* closes the source; does nothing for NULL */

/* Writes the status line and the fields that all replies have, without the empty line. closes: adds
 * "Connection: close". */
void service_write_head(struct evbuffer *out, unsigned status, const char *content_type,
			bool closes);

#endif
