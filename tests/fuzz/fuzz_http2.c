/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 frames: whatever a peer sends behind its preface, in pieces, to a server that answers each
 * request, some of them late or never. What was accepted is clean, and counts are right at the end.
 */
#include "proxy/http/field_list.h"
#include "proxy/http/http2/http2.h"
#include "tests/fuzz/fuzz.h"

struct owned_stream {
	struct http2_stream codec; /* the first member: what http2_ops.on_open returns */
	struct owned_stream *next;
	bool closed;
};

struct server {
	struct http2 *codec;
	struct owned_stream *streams;
	unsigned habits;
	size_t written;
	bool failed;
};

const char *const fuzz_also[] = {NULL};

static const struct http2_options options = {
	.limits = {.head_max_bytes = 1024,
		   .large_head_max_bytes = 4096,
		   .headers_max = 16,
		   .line_max_bytes = 200},
	.response_head_max_bytes = 1024,
	.takes_websockets = true,
	.now_ms = 1,
};

static struct http2_stream *
on_open(void *arg)
{
	struct server *server = arg;
	struct owned_stream *s = calloc(1, sizeof(*s));

	err_assert(s != NULL);
	s->next = server->streams;
	server->streams = s;
	return &s->codec;
}

static bool
may_be_large(void *arg)
{
	return (((const struct server *)arg)->habits & 1u) != 0;
}

static void
on_write(struct str data, void *arg)
{
	((struct server *)arg)->written += data.len;
}

/* Takes a little between two blocks. */
static bool
is_blocked(void *arg)
{
	const struct server *server = arg;

	return (server->habits & 2u) != 0 && server->written % 3 == 0;
}

static const struct http2_ops ops = {on_open, may_be_large, on_write, is_blocked};

static void
check_request(const struct request_head *r)
{
	err_assert(r->method.len > 0 && r->authority.len > 0);
	err_assert(r->target.data[0] == '/' || str_equal(r->target, STR("*")));
	err_assert(r->headers.count <= options.limits.headers_max + 3);
	for (size_t i = 0; i < r->headers.count; i++) {
		const struct header *field = &r->headers.items[i];

		err_assert(field->name.len > 0);
		err_assert(field_value_run(field->value) == field->value.len);
		for (size_t at = 0; at < field->name.len; at++)
			err_assert(header_is_token_char((unsigned char)field->name.data[at]));
		err_assert(field->id != HEADER_CONNECTION && field->id != HEADER_UPGRADE &&
			   field->id != HEADER_TRANSFER_ENCODING);
	}
}

static void
answer(struct server *server, struct http2_stream *s, bool is_tunnel)
{
	static char body[3000];
	struct header items[] = {{STR("Content-Type"), STR("text/plain"), HEADER_CONTENT_TYPE}};
	struct response_head head = {.status = is_tunnel ? 101 : 200,
				     .body = BODY_STREAM,
				     .headers = {.items = items, .count = 1, .size = 1}};

	server->failed |= !http2_send_head(s, &head);
	server->failed |= !http2_send(s, (struct str){body, sizeof(body)});
	if ((server->habits & 4u) == 0)
		server->failed |= !http2_send_end(s, NULL);
}

static void
on_event(struct server *server, struct http2_event *event)
{
	struct http2_stream *s = event->stream;

	switch (event->kind) {
	case HTTP2_EVENT_HEAD:
		check_request(&event->request);
		http2_want_data(s, (server->habits & 8u) == 0);
		answer(server, s, event->request.wants_websocket);
		arena_fini(&event->arena);
		break;
	case HTTP2_EVENT_REJECTED:
		err_assert(event->status >= 400 && event->status <= 501);
		http2_discard(s);
		answer(server, s, false);
		arena_fini(&event->arena);
		break;
	case HTTP2_EVENT_DATA:
		http2_took_data(s, event->data.len);
		break;
	case HTTP2_EVENT_END:
		if ((server->habits & 16u) != 0)
			http2_reset(s, HTTP2_CANCEL);
		break;
	case HTTP2_EVENT_CLOSED:
		err_assert(s->is_closed);
		((struct owned_stream *)(void *)s)->closed = true;
		break;
	case HTTP2_EVENT_NONE:
		break;
	}
}

static void
check_pending(const struct server *server)
{
	size_t waiting = 0;

	for (const struct owned_stream *s = server->streams; s != NULL; s = s->next)
		waiting += http2_stream_waiting(&s->codec);
	err_assert(waiting == http2_pending_bytes(server->codec));
}

static bool
receive(struct server *server, struct str bytes, uint64_t now_ms)
{
	char *copy = fuzz_copy(bytes);
	char *at = copy;
	size_t left = bytes.len;
	struct http2_event event;
	struct err e = ERR_INIT;
	bool ok = true;

	do {
		size_t used = 0;
		ok = http2_receive(server->codec, at, left, &used, now_ms, &e);
		err_assert(used <= left && (ok || e.text[0] != '\0'));
		while (ok && http2_next_event(server->codec, &event))
			on_event(server, &event);
		at += used;
		left -= used;
	} while (ok && (left > 0 || http2_is_paused(server->codec)));
	free(copy);
	ok = http2_pump(server->codec) && ok && !server->failed;
	if ((server->habits & 64u) != 0)
		http2_trim_idle(server->codec);
	if (ok)
		check_pending(server);
	return ok;
}

static void
end(struct server *server)
{
	size_t open = 0;

	for (struct owned_stream *s = server->streams; s != NULL; s = s->next)
		open += !s->codec.is_closed;
	err_assert(open == http2_streams_count(server->codec));
	http2_free(server->codec);
	while (server->streams != NULL) {
		struct owned_stream *s = server->streams;

		server->streams = s->next;
		http2_stream_fini(&s->codec);
		free(s);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct server server = {.habits = fuzz_take_byte(&input)};
	size_t piece = fuzz_take_byte(&input) * 8 + 1;
	struct err e = ERR_INIT;
	uint64_t now_ms = 1;

	server.codec = http2_new(&options, &ops, &server, &e);
	err_assert(server.codec != NULL);
	bool ok = receive(&server, HTTP2_PREFACE, now_ms) &&
		  receive(&server, STR("\0\0\0\4\0\0\0\0\0"), now_ms);
	for (; ok && input.len > 0; input = str_skip(input, piece))
		ok = receive(&server, str_take(input, piece), now_ms += 3);
	end(&server);
	return 0;
}
