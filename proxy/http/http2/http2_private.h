/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the HTTP/2 codec: http2.c (its life, frames that concern the connection),
 * http2_receive.c (bytes to events), http2_stream.c (messages to bytes). The only ones that know
 * nghttp2.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_PRIVATE_H
#define PROXY_HTTP_HTTP2_HTTP2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "proxy/http/http2/http2.h"
#include "proxy/http/http2/http2_flood.h"

/* Bytes of one stream that arrived one after the other, moved together in the input. */
struct http2_run {
	struct http2_stream *stream;
	char *data;
	size_t len;
};

#define FRAME_HEADER_BYTES 9u

/* Streams that we have reset: the peer may not know it yet. */
#define HTTP2_RESETS_KNOWN 128u

struct http2 {
	nghttp2_session *session;
	const struct http2_ops *ops;
	void *arg;
	struct http2_options options;
	struct http2_fields fields;
	struct http2_stream *head_stream; /* whose block is received; NULL: none */
	bool in_block;			  /* also of trailers */
	size_t block_bytes;		  /* of it, compressed */
	/* The last head that is whole. */
	struct http2_event head;
	struct http2_run run;
	struct http2_run next_run; /* behind a change of streams */
	TAILQ_HEAD(, http2_stream) ready;
	/* Of the last DATA event. */
	struct buf told;
	nghttp2_nv *fields_out;
	size_t fields_out_size;
	size_t streams_count;
	size_t pending_bytes;
	size_t memory_bytes; /* of nghttp2 */
	size_t memory_max;
	void *streams_table; /* nghttp2's: http2_table.h; NULL: an ordinary one */
	struct http2_bucket resets;
	struct http2_bucket frames;
	int32_t last_id;    /* of the streams that the peer has opened */
	int32_t *reset_ids; /* the last HTTP2_RESETS_KNOWN; NULL: none, or no memory */
	size_t reset_at;
	uint64_t received_bytes;
	uint64_t seen_bytes; /* of frames that were told, or paid for */
	uint64_t now_ms;
	bool is_new; /* nghttp2 is making its session */
	bool has_settings;
	bool is_paused; /* in the middle of a frame, which may be whole */
	bool is_ending; /* the first GOAWAY was sent */
	bool has_ended; /* the last one */
	bool is_failed;
	const char *failure;
	uint32_t goaway_code; /* that was sent */
};

/* Something is to be told of the stream. */
void http2_make_ready(struct http2_stream *s);

/* Frees what an idle connection does not need. */
void http2_trim(struct http2 *h);

/* Ends the connection with an error, from a callback, whose result is that of this function. */
int http2_fail(struct http2 *h, enum http2_error code, const char *reason);

/* Counts bytes that were received, and charges for frames that nghttp2 skipped without telling:
 * DATA on closed streams, and unknown types. False: too many. */
bool http2_charge_skipped(struct http2 *h, size_t received);

/* Callbacks of http2_receive.c and http2_stream.c. */
void http2_set_receive_callbacks(nghttp2_session_callbacks *callbacks);
void http2_set_send_callbacks(nghttp2_session_callbacks *callbacks);

/* Extends the peer's window for bytes that were taken or are discarded. */
void http2_give_credit(struct http2_stream *s, size_t len);

#endif
