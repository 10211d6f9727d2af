/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/websocket: the tracker with frames whose boundaries are known: all forms of length,
 * masked or not, and in every split.
 */
#include "proxy/http/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/count.h"

#define FRAMES_MAX 32

struct frames {
	struct buf bytes;
	size_t ends[FRAMES_MAX];
	size_t count;
};

/* Adds a frame's header in a form: 2, 4 or 10 bytes. */
static void
add_header(struct buf *out, uint64_t length, size_t form, bool masked)
{
	unsigned mask = masked ? 0x80 : 0;

	buf_add_byte(out, (char)0x82);
	buf_add_byte(out, (char)(mask | (form == 2 ? length : form == 4 ? 126 : 127)));
	for (size_t i = form - 2; i > 0; i--)
		buf_add_byte(out, (char)(length >> (8 * (i - 1)) & 0xff));
	if (masked)
		buf_add(out, "\x81\xfe\xff\x7f", 4);
}

/* Payloads look like headers themselves. */
static void
add_frame(struct frames *f, size_t length, size_t form, bool masked)
{
	assert_true(f->count < FRAMES_MAX);
	add_header(&f->bytes, length, form, masked);
	for (size_t i = 0; i < length; i++)
		buf_add_byte(&f->bytes, "\x82\x7f\x7e\x01"[i & 3]);
	f->ends[f->count++] = f->bytes.len;
}

static void
frames_init(struct frames *f)
{
	static const size_t lengths[] = {0, 1, 2, 3, 5, 125};

	*f = (struct frames){.count = 0};
	buf_init(&f->bytes, 1 << 20);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		add_frame(f, lengths[i], 2, false);
		add_frame(f, lengths[i], 2, true);
	}
	add_frame(f, 126, 4, false);
	add_frame(f, 127, 4, true);
	add_frame(f, 0, 4, true);
	add_frame(f, 3, 10, false);
	add_frame(f, 0, 10, false);
	add_frame(f, 200, 10, true);
	assert_true(buf_is_ok(&f->bytes));
}

static bool
is_end(const struct frames *f, size_t at)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->ends[i] == at)
			return true;
	return at == 0;
}

static size_t
next_end(const struct frames *f, size_t at)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->ends[i] >= at)
			return f->ends[i];
	return f->bytes.len;
}

static void
test_boundaries_byte_by_byte(void **state)
{
	struct frames f;
	struct websocket_tracker t = {0};

	(void)state;
	frames_init(&f);
	assert_true(websocket_is_at_boundary(&t));
	for (size_t at = 0; at < f.bytes.len; at++) {
		websocket_track(&t, (struct str){f.bytes.data + at, 1});
		if (websocket_is_at_boundary(&t) != is_end(&f, at + 1))
			fail_msg("after %zu bytes", at + 1);
	}
	buf_fini(&f.bytes);
}

/* From every place to every other: the same state as byte by byte, and the same distance. */
static void
test_boundaries_in_every_split(void **state)
{
	struct frames f;

	(void)state;
	frames_init(&f);
	for (size_t from = 0; from <= f.bytes.len; from++) {
		struct websocket_tracker start = {0};
		struct str rest = str_skip(buf_view(&f.bytes), from);

		websocket_track(&start, str_take(buf_view(&f.bytes), from));
		assert_int_equal(websocket_is_at_boundary(&start), is_end(&f, from));
		for (size_t len = 0; len <= rest.len; len += len < 300 ? 1 : 37) {
			struct websocket_tracker t = start;
			size_t until = next_end(&f, from) - from;
			struct websocket_tracker before = t;

			assert_int_equal(websocket_until_boundary(&t, str_take(rest, len)),
					 is_end(&f, from) ? 0
					 : until < len	  ? until
							  : len);
			assert_memory_equal(&t, &before, sizeof(t));
			websocket_track(&t, str_take(rest, len));
			assert_int_equal(websocket_is_at_boundary(&t), is_end(&f, from + len));
		}
	}
	buf_fini(&f.bytes);
}

/* Lengths whose payload nobody sends here: only the count is looked at. */
static void
test_long_frames(void **state)
{
	static const struct {
		uint64_t length;
		size_t form;
		bool masked;
		uint64_t left;
	} cases[] = {
		{65535, 4, false, 65535},
		{65535, 4, true, 65539},
		{65536, 10, false, 65536},
		{UINT64_C(0x0102030405060708), 10, true, UINT64_C(0x010203040506070c)},
		{INT64_MAX, 10, true, (uint64_t)INT64_MAX + 4},
		{UINT64_MAX, 10, false, UINT64_MAX},
		{UINT64_MAX, 10, true, UINT64_MAX},
		{UINT64_MAX - 3, 10, true, UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct websocket_tracker t = {0};
		struct buf header;

		buf_init(&header, 64);
		add_header(&header, cases[i].length, cases[i].form, false);
		if (cases[i].masked)
			header.data[1] = (char)(header.data[1] | (char)0x80);
		websocket_track(&t, buf_view(&header));
		assert_true(t.payload_left == cases[i].left);
		assert_int_equal(t.header_len, 0);
		assert_false(websocket_is_at_boundary(&t));
		websocket_track(&t, STR("payload"));
		assert_true(t.payload_left == cases[i].left - 7);
		buf_fini(&header);
	}
}

static void
test_nothing_is_followed_for_no_bytes(void **state)
{
	struct websocket_tracker t = {0};

	(void)state;
	websocket_track(&t, STR_NONE);
	assert_true(websocket_is_at_boundary(&t));
	assert_int_equal(websocket_until_boundary(&t, STR_NONE), 0);
	websocket_track(&t, STR("\x81"));
	assert_false(websocket_is_at_boundary(&t));
	assert_int_equal(websocket_until_boundary(&t, STR_NONE), 0);
}

static void
test_close_frames(void **state)
{
	static const struct {
		unsigned code;
		const char *bytes;
	} cases[] = {
		{WEBSOCKET_GOING_AWAY, "\x88\x02\x03\xe9"},
		{WEBSOCKET_POLICY_VIOLATION, "\x88\x02\x03\xf0"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct websocket_tracker t = {0};
		char frame[WEBSOCKET_CLOSE_BYTES];

		websocket_close_frame(cases[i].code, frame);
		assert_memory_equal(frame, cases[i].bytes, sizeof(frame));
		websocket_track(&t, (struct str){frame, sizeof(frame)});
		assert_true(websocket_is_at_boundary(&t));
	}
}

static void
test_empty_pongs(void **state)
{
	(void)state;
	assert_true(websocket_is_empty_pong(STR("\x8a\x80zzzz")));
	assert_false(websocket_is_empty_pong(STR("\x8a\x80zzz")));
	assert_false(websocket_is_empty_pong(STR("\x8a\x80zzzzz")));
	assert_false(websocket_is_empty_pong(STR("\x8a\x00zzzz")));
	assert_false(websocket_is_empty_pong(STR("\x89\x80zzzz")));
	assert_false(websocket_is_empty_pong(STR("\x8a\x81zzzza")));
	assert_false(websocket_is_empty_pong(STR_NONE));
}

/* RFC 6455 section 1.3 */
static void
test_accept(void **state)
{
	char accept[WEBSOCKET_ACCEPT_BYTES];

	(void)state;
	assert_true(websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept));
	assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_empty_pongs),
		cmocka_unit_test(test_boundaries_byte_by_byte),
		cmocka_unit_test(test_boundaries_in_every_split),
		cmocka_unit_test(test_long_frames),
		cmocka_unit_test(test_nothing_is_followed_for_no_bytes),
		cmocka_unit_test(test_close_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
