/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extends receive windows, and turns messages into bytes: nghttp2 requests the bytes of a stream
 * when flow control and priorities (RFC 9218) allow it to send them. They are written without a
 * copy.
 */
#include "proxy/http/http2/http2_stream.h"

#include <stdlib.h>

#include "base/wipe.h"
#include "proxy/http/http2/http2_private.h"

#define FRAMES_PER_DATA 2u /* WINDOW_UPDATEs that a frame of DATA may cause */
#define OWN_FIELDS	2u /* :status, content-length */
#define STATUS_DIGITS	3u
#define LENGTH_DIGITS	20u

static size_t
available(const struct http2_stream *s)
{
	return http2_stream_waiting(s) + s->direct.len;
}

static int submit_trailers(struct http2_stream *s);

/* Returns how many bytes of a stream the next frame gets. */
static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *unused, size_t max, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	struct http2_stream *s = source->ptr;
	size_t len = available(s);

	(void)session;
	(void)id;
	(void)unused;
	(void)arg;
	if (len == 0 && !s->out_ended) {
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (len > max)
		return (ssize_t)max;
	if (s->out_ended) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (s->trailers != NULL && submit_trailers(s) == 0)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	}
	return (ssize_t)len;
}

/* Counts len bytes as sent. Moves the unsent bytes only if at least as many were sent: with a small
 * window, bytes may be sent one at a time. */
static void
drop_sent(struct http2_stream *s, size_t len)
{
	s->out_sent += len;
	s->codec->pending_bytes -= len;
	if (s->out_sent < s->out.len / 2)
		return;
	buf_consume(&s->out, s->out_sent);
	s->out_sent = 0;
	if (s->out.len == 0)
		buf_fini(&s->out);
}

static void
write_bytes(struct http2_stream *s, size_t len)
{
	struct http2 *h = s->codec;
	size_t waiting = http2_stream_waiting(s);
	size_t held = waiting < len ? waiting : len;

	if (held > 0) {
		h->ops->write(str_take(str_skip(buf_view(&s->out), s->out_sent), held), h->arg);
		drop_sent(s, held);
	}
	if (len > held) {
		h->ops->write(str_take(s->direct, len - held), h->arg);
		s->direct = str_skip(s->direct, len - held);
	}
	s->sent_bytes += len;
}

static int
on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header, size_t len,
	     nghttp2_data_source *source, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	(void)frame;
	http2_bucket_refill(&h->frames, FRAMES_PER_DATA);
	h->ops->write((struct str){(const char *)header, FRAME_HEADER_BYTES}, h->arg);
	write_bytes(source->ptr, len);
	return h->ops->is_blocked(h->arg) ? NGHTTP2_ERR_PAUSE : 0;
}

static void
note_reset(struct http2 *h, int32_t id)
{
	if (h->reset_ids == NULL)
		h->reset_ids = calloc(HTTP2_RESETS_KNOWN, sizeof(*h->reset_ids));
	if (h->reset_ids != NULL)
		h->reset_ids[h->reset_at++ % HTTP2_RESETS_KNOWN] = id;
}

/* After the whole response, asks the client not to send the rest of its request (RFC 9113
 * section 8.1). */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s;

	if (frame->hd.type == NGHTTP2_RST_STREAM)
		note_reset(h, frame->hd.stream_id);
	if (frame->hd.type == NGHTTP2_GOAWAY)
		h->goaway_code = frame->goaway.error_code;
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (s == NULL)
		return 0;
	s->answered = true;
	if (!s->has_end && !s->keeps_open)
		http2_reset(s, HTTP2_NO_ERROR);
	return 0;
}

/* Resets a stream whose head is too large to be sent, or without memory. */
static int
on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *arg)
{
	(void)arg;
	if (frame->hd.type == NGHTTP2_HEADERS && code != NGHTTP2_ERR_STREAM_CLOSED &&
	    code != NGHTTP2_ERR_STREAM_CLOSING)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						NGHTTP2_INTERNAL_ERROR);
	return 0;
}

void
http2_set_send_callbacks(nghttp2_session_callbacks *callbacks)
{
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
}

/* Wipes frames of heads, which have cookies: other connections use the same memory. */
static void
wipe_frame(const uint8_t *data, size_t len)
{
	char *frame;

	memcpy(&frame, &data, sizeof(frame));
	wipe_bytes(frame, len);
}

bool
http2_pump(struct http2 *h)
{
	const uint8_t *data;

	while (!h->ops->is_blocked(h->arg)) {
		ssize_t len = nghttp2_session_mem_send(h->session, &data);
		if (len < 0) {
			h->is_failed = true;
			return false;
		}
		if (len == 0)
			break;
		h->ops->write((struct str){(const char *)data, (size_t)len}, h->arg);
		wipe_frame(data, (size_t)len);
	}
	return true;
}

/* nghttp2 copies names and values, and writes names in lower case. */
static nghttp2_nv
make_nv(struct str name, struct str value)
{
	nghttp2_nv nv = {.namelen = name.len, .valuelen = value.len};

	memcpy(&nv.name, &name.data, sizeof(nv.name));
	memcpy(&nv.value, &value.data, sizeof(nv.value));
	return nv;
}

static bool
reserve_fields(struct http2 *h, size_t count)
{
	if (count <= h->fields_out_size)
		return true;
	nghttp2_nv *fields = realloc(h->fields_out, count * sizeof(*fields));
	if (fields == NULL)
		return false;
	h->fields_out = fields;
	h->fields_out_size = count;
	return true;
}

/* Whether the field belongs to HTTP/1.1 connections only (RFC 9113 section 8.2.2). */
static bool
is_of_connection(enum header_id id)
{
	return id == HEADER_CONNECTION || id == HEADER_KEEP_ALIVE ||
	       id == HEADER_PROXY_CONNECTION || id == HEADER_TRANSFER_ENCODING ||
	       id == HEADER_UPGRADE || id == HEADER_SEC_WEBSOCKET_ACCEPT;
}

static size_t
add_fields(const struct headers *fields, nghttp2_nv *out)
{
	size_t count = 0;

	for (size_t i = 0; i < fields->count; i++)
		if (!is_of_connection(fields->items[i].id))
			out[count++] = make_nv(fields->items[i].name, fields->items[i].value);
	return count;
}

/* Formats a number at the end of digits, and returns the part that is used. */
static struct str
format_number(uint64_t value, char *digits, size_t size)
{
	size_t at = size;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return (struct str){digits + at, size - at};
}

/* 200 opens the WebSocket (RFC 8441 section 5), so any other success has to be changed. */
static unsigned
status_for(const struct http2_stream *s, const struct response_head *head)
{
	if (head->status == 101)
		return 200;
	return s->is_connect && head->status >= 200 && head->status < 300 ? 502 : head->status;
}

static bool
submit(struct http2_stream *s, const struct response_head *head, size_t count)
{
	nghttp2_data_provider provider = {.source.ptr = s, .read_callback = on_read};
	struct http2 *h = s->codec;
	bool is_interim = head->status < 200 && head->status != 101;
	bool has_body = head->status == 101 || head->body != BODY_NONE;

	if (s->is_closed)
		return true;
	if (is_interim)
		return nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE, s->id, NULL,
					      h->fields_out, count, NULL) == 0;
	s->keeps_open = head->status == 101;
	s->out_ended = !has_body;
	s->length_left = head->body == BODY_LENGTH ? head->length : UINT64_MAX;
	return nghttp2_submit_response(h->session, s->id, h->fields_out, count,
				       has_body ? &provider : NULL) == 0;
}

bool
http2_send_head(struct http2_stream *s, const struct response_head *head)
{
	struct http2 *h = s->codec;
	char status[STATUS_DIGITS];
	char length[LENGTH_DIGITS];
	size_t count = 0;

	if (!reserve_fields(h, head->headers.count + OWN_FIELDS))
		return false;
	h->fields_out[count++] =
		make_nv(STR(":status"), format_number(status_for(s, head), status, sizeof(status)));
	count += add_fields(&head->headers, h->fields_out + count);
	if (head->body == BODY_LENGTH || (head->has_length && head->body == BODY_NONE))
		h->fields_out[count++] = make_nv(
			STR("content-length"), format_number(head->length, length, sizeof(length)));
	return submit(s, head, count);
}

static void
resume(struct http2_stream *s)
{
	if (!s->is_deferred || s->is_closed)
		return;
	s->is_deferred = false;
	(void)nghttp2_session_resume_data(s->codec->session, s->id);
}

/* Buffers bytes that could not be sent immediately. */
static bool
hold(struct http2_stream *s)
{
	struct str rest = s->direct;

	s->direct = STR_NONE;
	if (s->is_closed || rest.len == 0)
		return true;
	buf_consume(&s->out, s->out_sent);
	s->out_sent = 0;
	if (!buf_add_str(&s->out, rest))
		return false;
	s->codec->pending_bytes += rest.len;
	return true;
}

bool
http2_send(struct http2_stream *s, struct str data)
{
	if (s->is_closed || data.len == 0)
		return true;
	if (s->length_left != UINT64_MAX)
		s->length_left -= data.len < s->length_left ? data.len : s->length_left;
	s->out_ended = s->length_left == 0;
	s->direct = data;
	resume(s);
	bool ok = http2_pump(s->codec);
	return hold(s) && ok;
}

/* Copies the trailers into one block, which lives until the stream is closed. */
static struct headers *
copy_fields(const struct headers *fields)
{
	size_t bytes = sizeof(*fields) + fields->count * sizeof(struct header);
	struct headers *copy = malloc(bytes + headers_size(fields));

	if (copy == NULL)
		return NULL;
	*copy = *fields;
	copy->items = (struct header *)(void *)(copy + 1);
	char *text = (char *)copy + bytes;
	for (size_t i = 0; i < fields->count; i++) {
		struct header *to = &copy->items[i];
		const struct header *from = &fields->items[i];

		*to = *from;
		to->name.data = memcpy(text, from->name.data, from->name.len);
		text += from->name.len;
		to->value.data = text;
		if (from->value.len > 0)
			memcpy(text, from->value.data, from->value.len);
		text += from->value.len;
	}
	return copy;
}

static int
submit_trailers(struct http2_stream *s)
{
	struct http2 *h = s->codec;

	if (!reserve_fields(h, s->trailers->count))
		return NGHTTP2_ERR_NOMEM;
	size_t count = add_fields(s->trailers, h->fields_out);
	return nghttp2_submit_trailer(h->session, s->id, h->fields_out, count);
}

bool
http2_send_end(struct http2_stream *s, const struct headers *trailers)
{
	if (s->is_closed)
		return true;
	if (trailers != NULL && trailers->count > 0 && !s->out_ended)
		s->trailers = copy_fields(trailers);
	s->out_ended = true;
	resume(s);
	return http2_pump(s->codec);
}

void
http2_reset(struct http2_stream *s, enum http2_error code)
{
	if (!s->is_closed)
		(void)nghttp2_submit_rst_stream(s->codec->session, NGHTTP2_FLAG_NONE, s->id, code);
}

void
http2_widen_stream(struct http2_stream *s)
{
	nghttp2_session *session = s->codec->session;

	if (!s->is_closed && nghttp2_session_get_stream_effective_local_window_size(
				     session, s->id) < (int32_t)HTTP2_USER_WINDOW_BYTES)
		(void)nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, s->id,
							    (int32_t)HTTP2_USER_WINDOW_BYTES);
}

void
http2_extend_window(struct http2_stream *s, size_t len)
{
	nghttp2_session *session = s->codec->session;

	if (s->has_end || s->is_closed)
		(void)nghttp2_session_consume_connection(session, len);
	else
		(void)nghttp2_session_consume(session, s->id, len);
}

size_t
http2_stream_window(const struct http2_stream *s)
{
	int32_t window = nghttp2_session_get_stream_remote_window_size(s->codec->session, s->id);

	return window > 0 ? (size_t)window : 0;
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
http2_want_data(struct http2_stream *s, bool wanted)
{
	s->wants_data = wanted;
	if (!wanted)
		return;
	http2_took_data(s, 0);
	if (s->in.len > 0)
		http2_make_ready(s);
}

/* Extends the windows only while DATA events are enabled; that of the connection also if the
 * owner's response has closed the stream meanwhile. */
void
http2_took_data(struct http2_stream *s, size_t len)
{
	s->taken += len;
	if ((!s->wants_data && !s->is_closed) || s->taken == 0)
		return;
	http2_extend_window(s, s->taken);
	s->taken = 0;
}

void
http2_discard(struct http2_stream *s)
{
	size_t len = s->in.len + s->taken;

	s->discards = true;
	s->wants_data = false;
	buf_wipe_fini(&s->in);
	s->taken = 0;
	if (len > 0)
		http2_extend_window(s, len);
}

void
http2_stream_fini(struct http2_stream *s)
{
	buf_wipe_fini(&s->in);
	buf_fini(&s->out);
	free(s->trailers);
}
