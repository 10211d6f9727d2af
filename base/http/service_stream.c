/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a response piece by piece: asks the source for more when the client has taken what it had.
 */
#include "base/http/service_stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/http/service_head.h"

#define PIECE_MAX_BYTES (1024u * 1024u)
#define DATE_SIZE	32
#define WAIT_MS		1u /* lets other connections run while a source has nothing yet */

struct service_stream {
	struct service_stream_options options;
	struct service_source source;
	bool is_chunked;
	struct buf piece;
	struct loop_timer next; /* fires when to ask the source again */
};

void
service_write_head(struct evbuffer *out, unsigned status, const char *content_type, bool closes)
{
	char date[DATE_SIZE];

	clock_format_http_date(clock_wall_s(), date, sizeof(date));
	(void)evbuffer_add_printf(out,
				  "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s\r\n"
				  "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
				  "%s",
				  status, service_head_reason(status), date, content_type,
				  closes ? "Connection: close\r\n" : "");
}

static void
close_source(struct service_stream *s)
{
	if (s->source.fill != NULL)
		s->source.close(s->source.arg);
	s->source.fill = NULL;
}

static void
send_piece(struct service_stream *s, struct str piece)
{
	struct evbuffer *out = bufferevent_get_output(s->options.bev);

	if (piece.len == 0)
		return;
	if (s->is_chunked)
		(void)evbuffer_add_printf(out, "%zx\r\n", piece.len);
	(void)evbuffer_add(out, piece.data, piece.len);
	if (s->is_chunked)
		(void)evbuffer_add(out, "\r\n", 2);
}

/* Ends the body. Must be the last call of a step, because on_end may free the stream. */
static void
end(struct service_stream *s)
{
	close_source(s);
	if (s->is_chunked)
		(void)evbuffer_add(bufferevent_get_output(s->options.bev), "0\r\n\r\n", 5);
	s->options.on_end(s->options.arg);
}

static void
send_next(struct service_stream *s)
{
	enum service_piece result = SERVICE_END;

	loop_timer_start(s->options.deadline, s->options.idle_timeout_ms);
	buf_clear(&s->piece);
	if (s->source.fill != NULL)
		result = s->source.fill(s->source.arg, &s->piece);
	if (!buf_is_ok(&s->piece)) {
		/* The client notices that the last chunk is missing. */
		s->options.on_close(s->options.arg);
		return;
	}
	send_piece(s, buf_view(&s->piece));
	if (result == SERVICE_END)
		end(s);
	else if (s->piece.len == 0)
		loop_timer_start(&s->next, WAIT_MS);
}

static void
on_next(void *arg)
{
	send_next(arg);
}

/* Asks the source for more when the client has read everything. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct service_stream *s = arg;

	(void)bev;
	if (!loop_timer_is_running(&s->next))
		send_next(s);
}

/* Discards input: the whole request was read, and pipelining is not supported. */
static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);

	(void)arg;
	(void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct service_stream *s = arg;

	(void)bev;
	(void)what;
	s->options.on_close(s->options.arg);
}

struct service_stream *
service_stream_new(const struct service_stream_options *options, const struct service_reply *reply,
		   const struct service_request *request)
{
	struct evbuffer *out = bufferevent_get_output(options->bev);
	bool is_head = str_equal(request->method, STR("HEAD"));
	struct service_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		if (reply->source.fill != NULL)
			reply->source.close(reply->source.arg);
		return NULL;
	}
	s->options = *options;
	s->source = reply->source;
	s->is_chunked = !request->is_http10;
	buf_init(&s->piece, PIECE_MAX_BYTES);
	loop_timer_init(&s->next, options->loop, on_next, s);
	bufferevent_setcb(options->bev, on_read, on_written, on_event, s);
	service_write_head(out, reply->status, reply->content_type, true);
	(void)evbuffer_add_printf(out, "%s\r\n",
				  s->is_chunked ? "Transfer-Encoding: chunked\r\n" : "");
	if (is_head) {
		s->is_chunked = false;
		close_source(s);
	} else {
		send_piece(s, buf_view(&reply->body));
	}
	return s;
}

void
service_stream_free(struct service_stream *s)
{
	if (s == NULL)
		return;
	close_source(s);
	loop_timer_fini(&s->next);
	buf_fini(&s->piece);
	free(s);
}
