/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors among packet lines, however the response is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clone/git/packet_watch.h"

/* Feeds `step` bytes at a time. */
static bool
watch(struct str response, size_t step, struct str *text)
{
	static struct packet_watch w;

	w = (struct packet_watch){.len = 0};
	for (; !str_is_empty(response); response = str_skip(response, step)) {
		if (packet_watch_add(&w, str_take(response, step), text))
			return true;
	}
	return false;
}

static void
test_errors(void **state)
{
	static const struct {
		const char *response, *text;
	} cases[] = {
		{"0008NAK\n0009\3bad\n", "bad\n"},
		{"0008NAK\n0008\1abc0009\2slow0007\3no0000", "no"},
		{"000aERR no", "no"},
		{"00000008NAK\n000cERR never", "neve"},
		{"0008NAK\n0005\3", ""},
	};
	static const char *const none[] = {
		"0008NAK\n0009\1ERR 0000",
		"0000",
		"0008NAK\n0009\3ba",
		"PACK\3",
		"0004000800",
		"0008ERR!0000",
	};
	struct str text;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 12; step++) {
			assert_true(watch(str_from(cases[i].response), step, &text));
			assert_true(str_equal(text, str_from(cases[i].text)));
		}
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		for (size_t step = 1; step < 12; step++)
			assert_false(watch(str_from(none[i]), step, &text));
	}
}

static void
test_long_errors_are_cut(void **state)
{
	struct str text;
	struct buf response;

	(void)state;
	buf_init(&response, 70000);
	assert_true(buf_add_str(&response, STR("ffff\3")));
	while (response.len < 0xffff)
		assert_true(buf_add_byte(&response, 'x'));
	assert_true(watch(buf_view(&response), 4096, &text));
	assert_int_equal(text.len, PACKET_ERROR_MAX - 1);
	buf_fini(&response);
}

static void
test_counts(void **state)
{
	/* Keep-alives, progress and acknowledgements are messages. */
	struct str response = STR("0008NAK\n0008\1abc0005\1"
				  "000a\2slow\n0006\1x0000");
	struct packet_watch w = {.len = 0};
	struct str text;

	(void)state;
	for (; !str_is_empty(response); response = str_skip(response, 3))
		assert_false(packet_watch_add(&w, str_take(response, 3), &text));
	assert_int_equal(w.data_packets, 2);
	assert_int_equal(w.message_bytes, 8 + 5 + 10 + 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_long_errors_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
