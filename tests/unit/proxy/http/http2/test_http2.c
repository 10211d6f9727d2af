/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/http2/http2 with raw frames: the events that received frames cause, and the frames
 * that it writes. Header blocks are written by hand, without the dynamic table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "proxy/http/http2/http2.h"

#define STREAMS_MAX			   300
#define FRAME(length, type, flags, stream) "\0\0" length type flags "\0\0\0" stream
/* GET https://a/ and POST, of the static table, and :authority "a". */
#define GET_BLOCK                                                                                  \
	"\x82\x84\x87\x41\x01"                                                                     \
	"a"
#define POST_BLOCK                                                                                 \
	"\x83\x84\x87\x41\x01"                                                                     \
	"a"
#define SETTINGS FRAME("\0", "\4", "\0", "\0")

struct fixture {
	struct http2 *codec;
	struct http2_stream streams[STREAMS_MAX];
	size_t opened;
	struct buf out;
	bool is_blocked;
};

static struct http2_stream *
on_open(void *arg)
{
	struct fixture *f = arg;

	assert_true(f->opened < STREAMS_MAX);
	return &f->streams[f->opened++];
}

static bool
may_be_large(void *arg)
{
	(void)arg;
	return false;
}

static void
on_write(struct str data, void *arg)
{
	assert_true(buf_add_str(&((struct fixture *)arg)->out, data));
}

static bool
is_blocked(void *arg)
{
	return ((const struct fixture *)arg)->is_blocked;
}

static const struct http2_ops ops = {on_open, may_be_large, on_write, is_blocked};

/* The rest is for the next call. */
static bool
feed(struct fixture *f, struct str bytes, struct http2_event *events, size_t *count)
{
	char data[4096];
	char *at = data;
	size_t left = bytes.len;
	struct err e = ERR_INIT;

	assert_true(left <= sizeof(data));
	memcpy(data, bytes.data, left);
	*count = 0;
	do {
		size_t used;
		if (!http2_receive(f->codec, at, left, &used, 1, &e))
			return false;
		at += used;
		left -= used;
		while (http2_next_event(f->codec, &events[*count]))
			(*count)++;
	} while (left > 0 || http2_is_paused(f->codec));
	return true;
}

static int
setup(void **state)
{
	static const struct http2_options options = {
		.limits = {.head_max_bytes = 1024, .large_head_max_bytes = 4096, .headers_max = 16},
		.response_head_max_bytes = 1024,
		.now_ms = 1};
	struct fixture *f = calloc(1, sizeof(*f));
	struct http2_event events[4];
	struct err e = ERR_INIT;
	size_t count;

	assert_non_null(f);
	buf_init(&f->out, 1 << 20);
	f->codec = http2_new(&options, &ops, f, &e);
	assert_non_null(f->codec);
	assert_true(feed(f, HTTP2_PREFACE, events, &count));
	assert_true(feed(f, STR(SETTINGS), events, &count));
	assert_true(http2_pump(f->codec));
	assert_true(http2_has_settings(f->codec));
	buf_clear(&f->out);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	http2_free(f->codec);
	for (size_t i = 0; i < f->opened; i++)
		http2_stream_fini(&f->streams[i]);
	buf_fini(&f->out);
	free(f);
	return 0;
}

static void
test_two_heads_at_once(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;

	assert_true(feed(f,
			 STR(FRAME("\6", "\1", "\5", "\1") GET_BLOCK FRAME("\6", "\1", "\5", "\3")
				     GET_BLOCK),
			 events, &count));
	assert_int_equal(events[0].kind, HTTP2_EVENT_HEAD);
	assert_int_equal(events[0].stream->id, 1);
	assert_true(str_equal(events[0].request.authority, STR("a")));
	size_t heads = 0;
	for (size_t i = 0; i < count; i++)
		if (events[i].kind == HTTP2_EVENT_HEAD) {
			heads++;
			arena_fini(&events[i].arena);
		}
	assert_int_equal(heads, 2);
}

/* Three frames of DATA are one event, and END follows it. */
static void
test_data_is_joined(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;

	assert_true(feed(f, STR(FRAME("\6", "\1", "\4", "\1") POST_BLOCK), events, &count));
	assert_int_equal(count, 1);
	arena_fini(&events[0].arena);
	http2_want_data(events[0].stream, true);
	char data[] = FRAME("\1", "\0", "\0", "\1") "a" FRAME("\2", "\0", "\0", "\1") "bc" FRAME(
		"\1", "\0", "\1", "\1") "d";
	struct err e = ERR_INIT;
	size_t used;
	assert_true(http2_receive(f->codec, data, sizeof(data) - 1, &used, 1, &e));
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_int_equal(events[0].kind, HTTP2_EVENT_DATA);
	assert_true(str_equal(events[0].data, STR("abcd")));
	http2_took_data(events[0].stream, 4);
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_int_equal(events[0].kind, HTTP2_EVENT_END);
	assert_false(http2_next_event(f->codec, &events[0]));
}

/* While DATA events are disabled, data is buffered; enabling them reports it. */
static void
test_data_waits(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;

	assert_true(feed(
		f, STR(FRAME("\6", "\1", "\4", "\1") POST_BLOCK FRAME("\2", "\0", "\1", "\1") "ab"),
		events, &count));
	assert_int_equal(count, 1);
	arena_fini(&events[0].arena);
	http2_want_data(events[0].stream, true);
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_true(str_equal(events[0].data, STR("ab")));
	http2_took_data(events[0].stream, 2);
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_int_equal(events[0].kind, HTTP2_EVENT_END);
}

/* Bytes that the owner can't send are buffered and counted, and sent later. */
static void
test_response(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;
	const struct response_head head = {.status = 200, .body = BODY_LENGTH, .length = 3};

	assert_true(feed(f, STR(FRAME("\6", "\1", "\5", "\1") GET_BLOCK), events, &count));
	arena_fini(&events[0].arena);
	f->is_blocked = true;
	assert_true(http2_send_head(&f->streams[0], &head));
	assert_true(http2_send(&f->streams[0], STR("abc")));
	assert_int_equal(f->out.len, 0);
	assert_int_equal(http2_pending_bytes(f->codec), 3);
	f->is_blocked = false;
	assert_true(http2_send_end(&f->streams[0], NULL));
	assert_int_equal(http2_pending_bytes(f->codec), 0);
	/* :status 200, content-length 3; DATA with the end of the stream. */
	assert_true(str_ends_with(buf_view(&f->out), STR(FRAME("\3", "\0", "\1", "\1") "abc")));
	assert_int_equal(http2_streams_count(f->codec), 0);
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_int_equal(events[0].kind, HTTP2_EVENT_CLOSED);
}

/* The peer takes an octet at a time. */
static void
test_small_windows(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;
	const struct response_head head = {.status = 200, .body = BODY_LENGTH, .length = 6};
	static const char data[] = "abcdef";

	assert_true(feed(f,
			 STR(FRAME("\6", "\4", "\0", "\0") "\0\4\0\0\0\0" FRAME("\6", "\1", "\5",
										"\1") GET_BLOCK),
			 events, &count));
	arena_fini(&events[0].arena);
	assert_true(http2_send_head(&f->streams[0], &head));
	assert_true(http2_send(&f->streams[0], STR("abcd")));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(http2_pending_bytes(f->codec), i < 2 ? 4 - i : 6 - i);
		assert_int_equal(http2_stream_waiting(&f->streams[0]), i < 2 ? 4 - i : 6 - i);
		assert_true(
			feed(f, STR(FRAME("\4", "\x08", "\0", "\1") "\0\0\0\1"), events, &count));
		assert_true(http2_pump(f->codec));
		assert_int_equal(f->out.data[f->out.len - 1], data[i]);
		if (i == 1)
			assert_true(http2_send(&f->streams[0], STR("ef")));
	}
	assert_int_equal(http2_streams_count(f->codec), 0);
}

/* With a stream that is open, and without one; requests go on. */
static void
test_rest(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;
	const struct response_head head = {.status = 204, .body = BODY_NONE};

	http2_trim_idle(f->codec);
	assert_true(feed(f, STR(FRAME("\6", "\1", "\5", "\1") GET_BLOCK), events, &count));
	arena_fini(&events[0].arena);
	http2_trim_idle(f->codec);
	assert_true(http2_send_head(&f->streams[0], &head));
	assert_true(http2_send_end(&f->streams[0], NULL));
	assert_true(http2_next_event(f->codec, &events[0]));
	assert_int_equal(events[0].kind, HTTP2_EVENT_CLOSED);
	http2_trim_idle(f->codec);
	assert_true(feed(f, STR(FRAME("\6", "\1", "\5", "\3") GET_BLOCK), events, &count));
	assert_int_equal(events[0].kind, HTTP2_EVENT_HEAD);
	assert_int_equal(events[0].stream->id, 3);
	arena_fini(&events[0].arena);
}

static void
test_closed_streams(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;

	assert_true(feed(f,
			 STR(FRAME("\6", "\1", "\4", "\1")
				     POST_BLOCK FRAME("\4", "\3", "\0", "\1") "\0\0\0\x08"),
			 events, &count));
	for (size_t i = 0; i < count; i++)
		if (events[i].kind == HTTP2_EVENT_HEAD)
			arena_fini(&events[i].arena);
	assert_false(feed(f, STR(FRAME("\6", "\1", "\5", "\1") GET_BLOCK), events, &count));
	assert_true(http2_pump(f->codec));
	/* GOAWAY with STREAM_CLOSED. */
	assert_true(str_ends_with(buf_view(&f->out), STR("\0\0\0\1\0\0\0\5")));
}

static void
test_floods(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;
	size_t frames = 0;

	while (feed(f, STR(FRAME("\4", "\x08", "\0", "\0") "\0\0\0\1"), events, &count))
		assert_true(++frames <= 2048);
	assert_true(frames >= 512);
	assert_true(http2_pump(f->codec));
	assert_true(str_ends_with(buf_view(&f->out), STR("\0\0\0\x0b")));
	assert_true(http2_is_over(f->codec));
}

/* Of a type that nobody knows, without a callback of nghttp2: what their bytes would be as others.
 */
static void
test_skipped_frames(void **state)
{
	static const char frame[9 + 255] = "\0\0\xff\x50\0\0\0\0";
	struct fixture *f = *state;
	char frames[15 * sizeof(frame)];
	struct http2_event events[8];
	size_t count;
	size_t fed = 0;

	for (size_t i = 0; i < sizeof(frames) / sizeof(frame); i++)
		memcpy(frames + i * sizeof(frame), frame, sizeof(frame));
	while (feed(f, (struct str){frames, sizeof(frames)}, events, &count))
		assert_true(++fed <= 2048);
	assert_in_range(fed, 1000, 1100);
	assert_true(http2_pump(f->codec));
	assert_true(str_ends_with(buf_view(&f->out), STR("\0\0\0\x0b")));
}

static void
test_drain(void **state)
{
	struct fixture *f = *state;
	struct http2_event events[8];
	size_t count;

	http2_announce_end(f->codec);
	assert_true(http2_pump(f->codec));
	assert_false(http2_is_over(f->codec));
	assert_true(
		feed(f, STR(FRAME("\x08", "\6", "\1", "\0") "\0\0\0\0\0\0\0\0"), events, &count));
	assert_true(http2_pump(f->codec));
	assert_true(http2_is_over(f->codec));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_heads_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data_is_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_response, setup, teardown),
		cmocka_unit_test_setup_teardown(test_small_windows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_floods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_skipped_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
