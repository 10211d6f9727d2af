/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns bytes into events. nghttp2's callbacks only record them: one head, one run of body bytes
 * of one stream, and streams that ended. Before a second head or run, nghttp2 pauses until the
 * first was returned as an event.
 */
#include <stdlib.h>

#include "proxy/http/http2/http2_private.h"

#define FRAMES_PER_REQUEST 8u	  /* empty frames that each request allows in addition */
#define FIELD_MAX_BYTES	   65536u /* nghttp2's own limit */

static struct http2_stream *
find_stream(struct http2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

static struct str
view(nghttp2_rcbuf *text)
{
	nghttp2_vec v = nghttp2_rcbuf_get_buf(text);

	return (struct str){(const char *)v.base, v.len};
}

/* An oversized block is read to its end within limits, so that it can be answered. nghttp2
 * decompresses malformed blocks without callbacks; so compressed bytes must not exceed the fields
 * reported so far plus one field. */
static int
count_block(struct http2 *h, const nghttp2_frame_hd *frame)
{
	const struct http2_request_limits *limits = &h->options.limits;
	size_t most = h->fields.bytes + FIELD_MAX_BYTES;

	if (frame->type == NGHTTP2_HEADERS)
		h->block_bytes = 0;
	h->block_bytes += frame->length;
	if (h->block_bytes <= limits->head_max_bytes || h->fields.may_be_large ||
	    (h->block_bytes <= most && h->block_bytes <= limits->large_head_max_bytes))
		return 0;
	return http2_fail(h, HTTP2_ENHANCE_YOUR_CALM, "a header block is too large");
}

static bool
was_reset_by_us(const struct http2 *h, int32_t id)
{
	for (size_t i = 0; h->reset_ids != NULL && i < HTTP2_RESETS_KNOWN; i++)
		if (h->reset_ids[i] == id)
			return true;
	return false;
}

/* Rejects frames after the end of a stream and decreasing stream ids (RFC 9113 sections 5.1 and
 * 5.1.1), and malformed PRIORITY frames: nghttp2 ignores all of these. */
static int
check_stream(struct http2 *h, const nghttp2_frame_hd *frame)
{
	bool is_message = frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_DATA;

	if (frame->type == NGHTTP2_PRIORITY && frame->stream_id == 0)
		return http2_fail(h, HTTP2_PROTOCOL_ERROR, "PRIORITY without a stream");
	if (!is_message || frame->stream_id == 0 || frame->stream_id > h->last_id ||
	    nghttp2_session_find_stream(h->session, frame->stream_id) != NULL)
		return 0;
	if (was_reset_by_us(h, frame->stream_id))
		return http2_charge_frame(h);
	return http2_fail(h, HTTP2_STREAM_CLOSED, "a frame on a closed stream");
}

/* Charges for every frame that makes no progress: others than heads, body bytes and their end. */
static int
on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *frame, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	h->seen_bytes += FRAME_HEADER_BYTES + frame->length;
	if (h->failure != NULL || check_stream(h, frame) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (frame->type == NGHTTP2_HEADERS || frame->type == NGHTTP2_CONTINUATION)
		return count_block(h, frame);
	if (frame->type == NGHTTP2_DATA &&
	    (frame->length > 0 || (frame->flags & NGHTTP2_FLAG_END_STREAM) != 0))
		return 0;
	return http2_charge_frame(h);
}

/* Refuses a stream beyond the last one that our GOAWAY names, which may not have been sent yet. */
static int
refuse_late_stream(struct http2 *h, int32_t id)
{
	h->in_block = false;
	(void)nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
open_stream(struct http2 *h, int32_t id)
{
	if (h->has_ended)
		return refuse_late_stream(h, id);
	struct http2_stream *s = h->ops->on_open(h->arg);

	if (s == NULL) {
		h->in_block = false;
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	*s = (struct http2_stream){.id = id, .codec = h, .length_left = UINT64_MAX};
	buf_init(&s->in, HTTP2_USER_WINDOW_BYTES + HTTP2_WINDOW_BYTES);
	buf_init(&s->out, HTTP2_STREAM_PENDING_MAX);
	(void)nghttp2_session_set_stream_user_data(h->session, id, s);
	h->streams_count++;
	h->head_stream = s;
	h->last_id = id;
	http2_bucket_refill(&h->frames, FRAMES_PER_REQUEST);
	return 0;
}

/* Begins the header block of a request, or of its trailers, which are checked, counted and dropped.
 */
static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	h->in_block = true;
	http2_fields_begin(&h->fields, &h->options.limits);
	h->head_stream = NULL;
	return frame->headers.cat == NGHTTP2_HCAT_REQUEST ? open_stream(h, frame->hd.stream_id) : 0;
}

static int
take_pause(struct http2 *h)
{
	h->is_paused = true;
	return NGHTTP2_ERR_PAUSE;
}

/* Adds a field. While another head waits for its event, the rest of this one waits in the input. */
static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
	  nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct http2 *h = arg;
	struct http2_fields *f = &h->fields;

	(void)session;
	(void)frame;
	(void)flags;
	if (http2_fields_become_large(f, view(name), view(value)))
		f->may_be_large = h->head_stream != NULL && h->ops->may_be_large(h->arg);
	if (!http2_fields_add(f, view(name), view(value)))
		return http2_fail(h, HTTP2_ENHANCE_YOUR_CALM, "a header block is too large");
	return h->head.kind == HTTP2_EVENT_NONE ? 0 : take_pause(h);
}

/* A malformed field makes the request malformed (RFC 9113 section 8.1.1); nghttp2 would drop it. */
static int
on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		  nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	(void)frame;
	(void)flags;
	if (!http2_fields_add(&h->fields, view(name), view(value)))
		return http2_fail(h, HTTP2_ENHANCE_YOUR_CALM, "a header block is too large");
	h->fields.malformed = "a field has forbidden characters";
	return 0;
}

static int
refuse_malformed(struct http2 *h, int32_t id)
{
	return nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
}

static int
take_head(struct http2 *h, const nghttp2_frame *frame)
{
	struct http2_stream *s = h->head_stream;
	struct http2_event *head = &h->head;
	bool has_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	h->head_stream = NULL;
	*head = (struct http2_event){.kind = HTTP2_EVENT_NONE, .stream = s};
	switch (http2_request_parse(&h->fields, has_ended, h->options.takes_websockets,
				    &head->request, &head->arena, &head->status, &head->e)) {
	case HTTP2_ACCEPTED:
		head->kind = HTTP2_EVENT_HEAD;
		s->has_head = true;
		s->is_connect = head->request.wants_websocket;
		return 0;
	case HTTP2_REJECTED:
		head->kind = HTTP2_EVENT_REJECTED;
		s->has_head = true;
		return 0;
	case HTTP2_MALFORMED:
		break;
	}
	return refuse_malformed(h, s->id);
}

static void
note_end(struct http2_stream *s)
{
	if (s == NULL || s->has_end)
		return;
	s->has_end = true;
	http2_make_ready(s);
}

static int
on_headers_received(struct http2 *h, const nghttp2_frame *frame)
{
	int result = 0;

	if (!h->in_block)
		return 0;
	h->in_block = false;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && h->head_stream != NULL)
		result = take_head(h, frame);
	else if (h->fields.malformed != NULL || h->fields.status != 0)
		result = refuse_malformed(h, frame->hd.stream_id);
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		note_end(find_stream(h, frame->hd.stream_id));
	return result;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS)
		return on_headers_received(h, frame);
	if (frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		note_end(find_stream(h, frame->hd.stream_id));
	else if (frame->hd.type == NGHTTP2_SETTINGS)
		h->has_settings = true;
	else if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
		 h->is_ending)
		http2_begin_end(h);
	return 0;
}

static int
on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	(void)code;
	if (frame->hd.type == NGHTTP2_HEADERS)
		h->in_block = false;
	return http2_charge_frame(h);
}

/* Appends bytes of the input to a run. Only frame headers were between them. False if the run is
 * one of another stream. */
static bool
join_run(struct http2_run *run, struct http2_stream *s, char *data, size_t len)
{
	if (run->stream == NULL)
		*run = (struct http2_run){s, data, 0};
	else if (run->stream != s)
		return false;
	if (data != run->data + run->len)
		memmove(run->data + run->len, data, len);
	run->len += len;
	return true;
}

/* Removes const from a view of the input: http2_receive may change it. */
static char *
writable(const uint8_t *data)
{
	char *result;

	memcpy(&result, &data, sizeof(result));
	return result;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
	void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s = find_stream(h, id);

	(void)session;
	(void)flags;
	if (s == NULL)
		return nghttp2_session_consume_connection(h->session, len);
	s->received_bytes += len;
	if (s->discards) {
		http2_extend_window(s, len);
		return 0;
	}
	if (!s->wants_data || s->in.len > 0) {
		if (!buf_add(&s->in, data, len))
			return http2_fail(h, HTTP2_INTERNAL_ERROR,
					  "out of memory for a request body");
		http2_make_ready(s);
		return 0;
	}
	http2_make_ready(s);
	if (join_run(&h->run, s, writable(data), len))
		return 0;
	(void)join_run(&h->next_run, s, writable(data), len);
	return take_pause(h);
}

/* Discards the head of a closed stream. Without it, no other events of the stream are returned. */
static void
forget_head(struct http2 *h, const struct http2_stream *s)
{
	if (h->head_stream == s) {
		h->head_stream = NULL;
		h->in_block = false;
	}
	if (h->head.kind == HTTP2_EVENT_NONE || h->head.stream != s)
		return;
	arena_fini(&h->head.arena);
	h->head.kind = HTTP2_EVENT_NONE;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s = find_stream(h, id);

	(void)session;
	(void)code;
	if (s == NULL)
		return http2_charge_reset(h);
	forget_head(h, s);
	h->pending_bytes -= http2_stream_waiting(s);
	buf_fini(&s->out);
	s->out_sent = 0;
	(void)nghttp2_session_consume_connection(h->session, s->in.len + s->taken);
	buf_wipe_fini(&s->in);
	free(s->trailers);
	s->trailers = NULL;
	s->taken = 0;
	s->is_closed = true;
	h->streams_count--;
	http2_make_ready(s);
	return s->answered ? 0 : http2_charge_reset(h);
}

void
http2_set_receive_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
}

static enum http2_error
error_for(int failure)
{
	return failure == NGHTTP2_ERR_FLOODED || failure == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS ||
			       failure == NGHTTP2_ERR_TOO_MANY_SETTINGS
		       ? HTTP2_ENHANCE_YOUR_CALM
		       : HTTP2_INTERNAL_ERROR;
}

bool
http2_receive(struct http2 *h, char *data, size_t len, size_t *used, uint64_t now_ms, struct err *e)
{
	h->now_ms = now_ms;
	h->is_paused = false;
	ssize_t n = h->is_failed ? NGHTTP2_ERR_CALLBACK_FAILURE
				 : nghttp2_session_mem_recv(h->session, (uint8_t *)data, len);
	if (n >= 0 && http2_charge_skipped(h, (size_t)n)) {
		*used = (size_t)n;
		return true;
	}
	*used = len;
	h->is_failed = true;
	http2_terminate(h, error_for((int)n));
	return err_set(e, n == NGHTTP2_ERR_NOMEM ? ERR_MEMORY : ERR_PROTOCOL, "HTTP/2: %s",
		       h->failure != NULL ? h->failure : nghttp2_strerror((int)n));
}

static bool
tell_run(struct http2 *h, struct http2_event *event)
{
	struct http2_run run = h->run;

	if (run.stream == NULL)
		return false;
	h->run = h->next_run;
	h->next_run = (struct http2_run){NULL, NULL, 0};
	if (run.stream->is_closed) {
		(void)nghttp2_session_consume_connection(h->session, run.len);
		return tell_run(h, event);
	}
	if (!run.stream->wants_data && buf_add(&run.stream->in, run.data, run.len))
		return tell_run(h, event);
	*event = (struct http2_event){.kind = HTTP2_EVENT_DATA, .stream = run.stream};
	event->data = (struct str){run.data, run.len};
	return true;
}

static bool
tell_held(struct http2 *h, struct http2_stream *s, struct http2_event *event)
{
	if (s->in.len == 0 || !s->wants_data)
		return false;
	h->event_data = s->in;
	buf_init(&s->in, h->event_data.max);
	*event = (struct http2_event){.kind = HTTP2_EVENT_DATA, .stream = s};
	event->data = buf_view(&h->event_data);
	return true;
}

/* Returns the next event of a stream; false if there is none at the moment. */
static bool
tell_stream(struct http2 *h, struct http2_stream *s, struct http2_event *event)
{
	if (tell_held(h, s, event))
		return true;
	if (s->has_end && !s->end_reported && s->in.len == 0 && !s->is_closed && s->has_head) {
		s->end_reported = true;
		*event = (struct http2_event){.kind = HTTP2_EVENT_END, .stream = s};
		return true;
	}
	TAILQ_REMOVE(&h->ready, s, ready);
	s->is_ready = false;
	if (!s->is_closed)
		return false;
	*event = (struct http2_event){.kind = HTTP2_EVENT_CLOSED, .stream = s};
	return true;
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

bool
http2_next_event(struct http2 *h, struct http2_event *event)
{
	buf_fini(&h->event_data);
	if (h->head.kind != HTTP2_EVENT_NONE) {
		*event = h->head;
		h->head.kind = HTTP2_EVENT_NONE;
		return true;
	}
	if (tell_run(h, event))
		return true;
	while (!TAILQ_EMPTY(&h->ready))
		if (tell_stream(h, TAILQ_FIRST(&h->ready), event))
			return true;
	http2_trim(h);
	return false;
}

bool
http2_is_paused(const struct http2 *h)
{
	return h->is_paused;
}

bool
http2_has_events(const struct http2 *h)
{
	return h->head.kind != HTTP2_EVENT_NONE || h->run.stream != NULL || !TAILQ_EMPTY(&h->ready);
}
