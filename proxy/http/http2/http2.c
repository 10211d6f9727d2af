/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates and frees a connection's codec, and handles frames of the connection as a whole.
 */
#include "proxy/http/http2/http2.h"

#include <stdlib.h>

#include "proxy/http/http2/http2_memory.h"
#include "proxy/http/http2/http2_private.h"

/* Of nghttp2, besides what the head of a response may take. */
#define MEMORY_MAX	  524288u
#define ACKS_MAX	  64u
#define SETTINGS_MAX	  16u
#define FRAME_BYTES	  16384u
#define CONNECTION_WINDOW 2097152 /* of users */
#define RESETS_BURST	  200u
#define RESETS_PER_S	  20u
#define USER_RESETS_BURST 1000u
#define USER_RESETS_PER_S 50u
#define FRAMES_BURST	  1024u
#define FRAMES_PER_S	  128u
#define TOKEN		  1000u /* thousandths: a refill after a millisecond is not lost */
#define SKIPPED_BYTES	  4096u /* of ignored frames that count as one empty frame */

static void
add_tokens(struct http2_bucket *b, uint64_t thousandths)
{
	uint64_t full = (uint64_t)b->burst * TOKEN;

	b->tokens = thousandths < full - b->tokens ? b->tokens + thousandths : full;
}

static void
init_bucket(struct http2_bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
	*b = (struct http2_bucket){.burst = burst, .per_s = per_s, .filled_ms = now_ms};
	b->tokens = (uint64_t)burst * TOKEN;
}

static void
widen_bucket(struct http2_bucket *b, uint32_t burst, uint32_t per_s)
{
	uint32_t more = burst > b->burst ? burst - b->burst : 0;

	b->burst += more;
	b->per_s = per_s;
	add_tokens(b, (uint64_t)more * TOKEN);
}

bool
http2_bucket_take(struct http2_bucket *b, uint64_t now_ms)
{
	/* Tokens per second are thousandths per millisecond. */
	if (now_ms > b->filled_ms) {
		uint64_t passed_ms = now_ms - b->filled_ms;
		add_tokens(b, passed_ms < UINT32_MAX ? passed_ms * b->per_s : UINT64_MAX);
		b->filled_ms = now_ms;
	}
	if (b->tokens < TOKEN)
		return false;
	b->tokens -= TOKEN;
	return true;
}

void
http2_bucket_give(struct http2_bucket *b, uint32_t tokens)
{
	add_tokens(b, (uint64_t)tokens * TOKEN);
}

static nghttp2_option *
make_options(const struct http2_options *options)
{
	size_t frames = options->limits.large_head_max_bytes / FRAME_BYTES + 1;
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, frames);
	nghttp2_option_set_max_send_header_block_length(o, 2 * options->response_head_max_bytes +
								   FRAME_BYTES);
	nghttp2_option_set_builtin_recv_extension_type(o, NGHTTP2_PRIORITY_UPDATE);
	return o;
}

static int
create_session(struct http2 *h)
{
	nghttp2_mem memory = http2_memory(h);
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *options = make_options(&h->options);
	int result = NGHTTP2_ERR_NOMEM;

	h->is_new = true;
	if (options != NULL && nghttp2_session_callbacks_new(&callbacks) == 0) {
		http2_set_receive_callbacks(callbacks);
		http2_set_send_callbacks(callbacks);
		result = nghttp2_session_server_new3(&h->session, callbacks, h, options, &memory);
		nghttp2_session_callbacks_del(callbacks);
	}
	h->is_new = false;
	nghttp2_option_del(options);
	return result;
}

static int
submit_settings(struct http2 *h)
{
	const struct http2_options *o = &h->options;
	nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)o->limits.head_max_bytes},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};
	size_t count = sizeof(entries) / sizeof(entries[0]) - !o->takes_websockets;

	return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, count);
}

struct http2 *
http2_new(const struct http2_options *options, const struct http2_ops *ops, void *arg,
	  struct err *e)
{
	struct http2 *h = err_alloc(e, sizeof(*h), "out of memory for HTTP/2");

	if (h == NULL)
		return NULL;
	h->options = *options;
	h->ops = ops;
	h->arg = arg;
	h->now_ms = options->now_ms;
	h->memory_max = MEMORY_MAX + 4 * options->response_head_max_bytes;
	TAILQ_INIT(&h->ready);
	init_bucket(&h->resets, RESETS_BURST, RESETS_PER_S, h->now_ms);
	init_bucket(&h->frames, FRAMES_BURST, FRAMES_PER_S, h->now_ms);
	if (create_session(h) != 0 || submit_settings(h) != 0) {
		err_set(e, ERR_MEMORY, "out of memory for HTTP/2");
		http2_free(h);
		return NULL;
	}
	return h;
}

void
http2_free(struct http2 *h)
{
	if (h == NULL)
		return;
	nghttp2_session_del(h->session);
	http2_fields_fini(&h->fields);
	if (h->head.kind != HTTP2_EVENT_NONE)
		arena_fini(&h->head.arena);
	buf_fini(&h->told);
	free(h->fields_out);
	free(h->reset_ids);
	free(h);
}

/* Frees buffers if no request is being received or served; the next one allocates them again. */
void
http2_trim(struct http2 *h)
{
	if (h->streams_count > 0 || h->in_block || h->head.kind != HTTP2_EVENT_NONE)
		return;
	http2_fields_fini(&h->fields);
	free(h->fields_out);
	h->fields_out = NULL;
	h->fields_out_size = 0;
}

void
http2_rest(struct http2 *h)
{
	http2_trim(h);
	if (h->streams_count == 0 && h->streams_table != NULL)
		http2_table_rest(h->streams_table);
}

int
http2_fail(struct http2 *h, enum http2_error code, const char *reason)
{
	if (h->failure == NULL)
		h->failure = reason;
	http2_terminate(h, code);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool
http2_charge_skipped(struct http2 *h, size_t received)
{
	h->received_bytes += received;
	while (h->received_bytes > h->seen_bytes + SKIPPED_BYTES) {
		h->seen_bytes += SKIPPED_BYTES;
		if (!http2_bucket_take(&h->frames, h->now_ms)) {
			(void)http2_fail(h, HTTP2_ENHANCE_YOUR_CALM,
					 "too many frames on closed streams or of unknown types");
			return false;
		}
	}
	return true;
}

void
http2_make_ready(struct http2_stream *s)
{
	if (s->is_ready)
		return;
	s->is_ready = true;
	TAILQ_INSERT_TAIL(&s->codec->ready, s, ready);
}

void
http2_trust(struct http2 *h)
{
	if (h->resets.burst >= USER_RESETS_BURST)
		return;
	widen_bucket(&h->resets, USER_RESETS_BURST, USER_RESETS_PER_S);
	(void)nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
						    CONNECTION_WINDOW);
}

/* Sends the notice of RFC 9113 section 6.8, and a PING to learn that the peer has received it. */
void
http2_announce_end(struct http2 *h)
{
	if (h->is_ending)
		return;
	h->is_ending = true;
	(void)nghttp2_submit_shutdown_notice(h->session);
	(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
}

void
http2_begin_end(struct http2 *h)
{
	if (h->has_ended)
		return;
	h->has_ended = true;
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(h->session),
				    NGHTTP2_NO_ERROR, NULL, 0);
}

void
http2_terminate(struct http2 *h, enum http2_error code)
{
	h->is_ending = h->has_ended = true;
	(void)nghttp2_session_terminate_session(h->session, code);
}

bool
http2_is_over(const struct http2 *h)
{
	return (h->has_ended && h->streams_count == 0 &&
		nghttp2_session_want_write(h->session) == 0) ||
	       (nghttp2_session_want_read(h->session) == 0 &&
		nghttp2_session_want_write(h->session) == 0);
}

const char *
http2_find_failure(const struct http2 *h)
{
	return h->failure;
}

const char *
http2_find_fault(const struct http2 *h)
{
	return h->goaway_code != NGHTTP2_NO_ERROR ? nghttp2_http2_strerror(h->goaway_code) : NULL;
}

bool
http2_has_settings(const struct http2 *h)
{
	return h->has_settings;
}

bool
http2_is_in_head(const struct http2 *h)
{
	return h->in_block;
}

size_t
http2_streams_count(const struct http2 *h)
{
	return h->streams_count;
}

size_t
http2_pending_bytes(const struct http2 *h)
{
	return h->pending_bytes;
}
