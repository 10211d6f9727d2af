/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates and frees a connection's codec, and tells its state.
 */
#include "proxy/http/http2/http2.h"

#include <stdlib.h>

#include "proxy/http/http2/http2_memory.h"
#include "proxy/http/http2/http2_private.h"

/* Of nghttp2, besides what the head of a response may take. */
#define MEMORY_MAX   524288u
#define ACKS_MAX     64u
#define SETTINGS_MAX 16u
#define FRAME_BYTES  16384u

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
	http2_flood_init(h);
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
	buf_fini(&h->event_data);
	free(h->fields_out);
	free(h->reset_ids);
	free(h);
}

void
http2_trim_idle(struct http2 *h)
{
	http2_trim(h);
	if (h->streams_count == 0 && h->streams_table != NULL)
		http2_table_trim(h->streams_table);
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
