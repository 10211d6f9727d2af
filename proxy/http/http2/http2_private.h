/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the HTTP/2 codec: http2.c (its life), http2_receive.c (bytes to events),
 * http2_stream.c (messages to bytes), http2_flood.c (limits on useless work), http2_end.c (GOAWAY).
 * Each calls only later ones. With http2_memory.c they are the only ones that know nghttp2.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_PRIVATE_H
#define PROXY_HTTP_HTTP2_HTTP2_PRIVATE_H

#include <nghttp2/nghttp2.h>

#include "proxy/http/http2/http2.h"

/* A token bucket for useless work that a peer causes, such as rapid reset: for streams that either
 * side resets before their response is complete, and for frames without content. */
struct http2_bucket {
	uint64_t tokens; /* thousandths */
	uint64_t filled_ms;
	uint32_t burst;
	uint32_t per_s;
};

/* Contiguous body bytes of one stream, joined in the input. */
struct http2_run {
	struct http2_stream *stream;
	char *data;
	size_t len;
};

#define FRAME_HEADER_BYTES 9u

/* Number of remembered streams that we have reset: the peer may not know it yet. */
#define HTTP2_RESETS_KNOWN 128u

struct http2 {
	nghttp2_session *session;
	const struct http2_ops *ops;
	void *arg;
	struct http2_options options;
	struct http2_fields fields;
	struct http2_stream *head_stream; /* of the block being received; NULL: none */
	bool in_block;			  /* receiving a header block, of a head or trailers */
	size_t block_bytes;		  /* compressed size of the block */
	/* The last complete head. */
	struct http2_event head;
	struct http2_run run;
	struct http2_run next_run; /* of another stream */
	TAILQ_HEAD(, http2_stream) ready;
	/* Owns the data of the last DATA event. */
	struct buf event_data;
	nghttp2_nv *fields_out;
	size_t fields_out_size;
	size_t streams_count;
	size_t pending_bytes;
	size_t memory_bytes; /* allocated by nghttp2 */
	size_t memory_max;
	void *streams_table; /* nghttp2's: http2_table_new; NULL: an ordinary one */
	struct http2_bucket resets;
	struct http2_bucket frames;
	int32_t last_id;    /* of the last stream that the peer has opened */
	int32_t *reset_ids; /* the last HTTP2_RESETS_KNOWN; NULL: none, or no memory */
	size_t reset_at;
	uint64_t received_bytes;
	uint64_t seen_bytes; /* of frames that nghttp2 reported, or that were charged */
	uint64_t now_ms;
	bool is_new; /* nghttp2 is creating its session */
	bool has_settings;
	bool is_paused; /* within a frame, which may be complete */
	bool is_ending; /* the first GOAWAY was sent */
	bool has_ended; /* the last GOAWAY was sent */
	bool is_failed;
	const char *failure;
	uint32_t goaway_code; /* that was sent */
};

/* Adds the stream to those with events. */
void http2_make_ready(struct http2_stream *s);

/* Frees memory that an idle connection does not need. */
void http2_trim(struct http2 *h);

/* Ends the connection with an error. Returns the result for the nghttp2 callback that calls it. */
int http2_fail(struct http2 *h, enum http2_error code, const char *reason);

/* Sets the limits of a new connection. */
void http2_flood_init(struct http2 *h);

/* Adds tokens for useful work of the peer. */
void http2_bucket_refill(struct http2_bucket *b, uint32_t tokens);

/* Charge for a frame without content, and for a stream that was reset before its response was
 * complete. Return the result for the nghttp2 callback that calls them. */
int http2_charge_frame(struct http2 *h);
int http2_charge_reset(struct http2 *h);

/* Counts received bytes, and charges for frames that nghttp2 ignored without a callback: DATA on
 * closed streams, and unknown types. False if there are too many. */
bool http2_charge_skipped(struct http2 *h, size_t received);

/* Callbacks of http2_receive.c and http2_stream.c. */
void http2_set_receive_callbacks(nghttp2_session_callbacks *callbacks);
void http2_set_send_callbacks(nghttp2_session_callbacks *callbacks);

/* Extends the peer's window for bytes that were processed or dropped. */
void http2_extend_window(struct http2_stream *s, size_t len);

#endif
