/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/websocket_frame: what is written is read back, in every split; what RFC 6455 forbids is
 * refused.
 */
#include "base/http/websocket_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/count.h"

static const uint8_t mask[] = {0x81, 0xfe, 0x00, 0x7f};

static void
add_frame(struct buf *out, enum websocket_opcode opcode, const char *payload, size_t len,
	  bool is_masked)
{
	char header[WEBSOCKET_HEADER_MAX];
	size_t header_len = websocket_write_header(header, opcode, len, is_masked ? mask : NULL);
	char *copy = malloc(len + 1);

	assert_non_null(copy);
	memcpy(copy, payload, len);
	if (is_masked)
		websocket_apply_mask(copy, payload, len, mask, 0);
	assert_true(buf_add(out, header, header_len) && buf_add(out, copy, len));
	free(copy);
}

/* Reads everything in pieces of this size; payloads go to out. Returns the last event. */
static enum websocket_event
read_all(struct websocket_reader *r, struct str in, size_t piece, struct buf *out)
{
	enum websocket_event event = WEBSOCKET_EVENT_MORE;
	char data[7];
	size_t len;

	for (size_t at = 0; at < in.len; at += piece) {
		struct str rest = str_take(str_skip(in, at), piece);

		while ((event = websocket_read(r, &rest, data, sizeof(data), &len)) !=
		       WEBSOCKET_EVENT_MORE) {
			if (event == WEBSOCKET_EVENT_BAD || event == WEBSOCKET_EVENT_REFUSED)
				return event;
			if (event == WEBSOCKET_EVENT_DATA)
				assert_true(buf_add(out, data, len));
			else
				assert_true(buf_addf(out, "<%d:%.*s>", (int)event,
						     STR_FMT(websocket_control(r))));
		}
	}
	return event;
}

static void
test_round_trip_in_every_split(void **state)
{
	static const size_t lengths[] = {0, 1, 3, 125, 126, 127, 300, 65535, 65536, 70000};
	char *payload = calloc(1, 70000);

	(void)state;
	assert_non_null(payload);
	for (size_t i = 0; i < 70000; i++)
		payload[i] = (char)(i * 7 + i / 251);
	for (int is_masked = 0; is_masked < 2; is_masked++) {
		for (size_t i = 0; i < COUNT(lengths); i++) {
			for (size_t piece = 1; piece < 20; piece += 3) {
				struct websocket_reader r = {.from_client = is_masked == 1};
				struct buf frames;
				struct buf out;

				buf_init(&frames, 100000);
				buf_init(&out, 100000);
				add_frame(&frames, WEBSOCKET_OP_BINARY, payload, lengths[i],
					  is_masked == 1);
				assert_int_equal(read_all(&r, buf_view(&frames), piece, &out),
						 WEBSOCKET_EVENT_MORE);
				assert_int_equal(out.len, lengths[i]);
				assert_true(out.len == 0 ||
					    memcmp(out.data, payload, out.len) == 0);
				buf_fini(&frames);
				buf_fini(&out);
			}
		}
	}
	free(payload);
}

static void
test_control_frames_between_fragments(void **state)
{
	struct websocket_reader r = {.from_client = false};
	struct buf frames;
	struct buf out;

	(void)state;
	buf_init(&frames, 1000);
	buf_init(&out, 1000);
	buf_add_str(&frames, STR("\x02\x01"
				 "a"));
	add_frame(&frames, WEBSOCKET_OP_PING, "hi", 2, false);
	buf_add_str(&frames, STR("\x80\x01"
				 "b"));
	add_frame(&frames, WEBSOCKET_OP_PONG, "", 0, false);
	add_frame(&frames, WEBSOCKET_OP_CLOSE, "\x03\xe8why", 5, false);
	assert_int_equal(read_all(&r, buf_view(&frames), 1, &out), WEBSOCKET_EVENT_MORE);
	assert_memory_equal(out.data, "a<2:hi>b<3:><4:\x03\xe8why>", out.len);
	assert_int_equal(websocket_close_code_of(&r), 1000);
	buf_fini(&frames);
	buf_fini(&out);
}

/* The payload is not copied, and the rest of the input follows it. */
static void
test_views(void **state)
{
	struct websocket_reader r = {.from_client = false};
	struct str payload;
	struct buf frames;
	struct str rest;

	(void)state;
	buf_init(&frames, 1000);
	add_frame(&frames, WEBSOCKET_OP_BINARY, "abcdef", 6, false);
	add_frame(&frames, WEBSOCKET_OP_PING, "hi", 2, false);
	add_frame(&frames, WEBSOCKET_OP_BINARY, "gh", 2, false);
	rest = str_take(buf_view(&frames), 5);
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_DATA);
	assert_ptr_equal(payload.data, frames.data + 2);
	assert_int_equal(payload.len, 3);
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_MORE);
	rest = str_skip(buf_view(&frames), 5);
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_DATA);
	assert_ptr_equal(payload.data, frames.data + 5);
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_PING);
	assert_int_equal(payload.len, 0);
	assert_true(str_equal(websocket_control(&r), STR("hi")));
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_DATA);
	assert_true(str_equal(payload, STR("gh")));
	assert_int_equal(websocket_view(&r, &rest, &payload), WEBSOCKET_EVENT_MORE);
	buf_fini(&frames);
}

static void
test_malformed_frames(void **state)
{
	static const struct {
		struct str bytes;
		enum websocket_event event;
	} cases[] = {
		{{"\x81\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_REFUSED},
		{{"\x82\x01x", 3}, WEBSOCKET_EVENT_BAD},	      /* not masked */
		{{"\xc2\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_BAD},	      /* RSV1 */
		{{"\x83\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_BAD},	      /* opcode 3 */
		{{"\x8b\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_BAD},	      /* opcode 11 */
		{{"\x80\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_BAD},	      /* continues nothing */
		{{"\x09\x80\0\0\0\0", 6}, WEBSOCKET_EVENT_BAD},	      /* a ping in fragments */
		{{"\x89\xfe\0\x7e\0\0\0\0", 8}, WEBSOCKET_EVENT_BAD}, /* a long ping */
		{{"\x82\xfe\0\x7d\0\0\0\0", 8}, WEBSOCKET_EVENT_BAD}, /* not the shortest form */
		{{"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0", 14}, WEBSOCKET_EVENT_BAD},
		{{"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 14}, WEBSOCKET_EVENT_BAD},
		{{"\x88\x81\0\0\0\0x", 7}, WEBSOCKET_EVENT_BAD}, /* half a close code */
		{{"\x02\x80\0\0\0\0\x82\x80\0\0\0\0", 12}, WEBSOCKET_EVENT_BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct websocket_reader r = {.from_client = true};
		struct buf out;

		buf_init(&out, 1000);
		assert_int_equal(read_all(&r, cases[i].bytes, 1, &out), cases[i].event);
		buf_fini(&out);
	}
}

/* RFC 6455 section 4.2.1. */
static void
test_keys(void **state)
{
	static const char *const bad[] = {
		"abc",
		"dGhlIHNhbXBsZSBub25jZQ", /* not padded */
		"dGhlIHNhbXBsZSBub25jZQ== ",
		"eHh4eHh4eHh4eHh4eHh4",	    /* 15 bytes */
		"eHh4eHh4eHh4eHh4eHh4eHg=", /* 17 bytes */
		"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4",
	};

	(void)state;
	assert_true(websocket_key_is_valid(STR("dGhlIHNhbXBsZSBub25jZQ==")));
	assert_false(websocket_key_is_valid(STR_NONE));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(websocket_key_is_valid(str_from(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_in_every_split),
		cmocka_unit_test(test_control_frames_between_fragments),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_malformed_frames),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
