/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WebSocket tracker: pieces of any size (by the first byte) leave it as the whole does, and the
 * distance to the next boundary is true.
 */
#include "proxy/http/websocket.h"
#include "tests/fuzz/fuzz.h"

static void
check_distance(const struct websocket_tracker *t, struct str rest)
{
	struct websocket_tracker copy = *t;
	size_t until = websocket_until_boundary(t, rest);

	err_assert(until <= rest.len);
	err_assert(websocket_is_at_boundary(t) == (until == 0 || rest.len == 0) || rest.len == 0);
	for (size_t i = 0; i < until; i++) {
		err_assert(!websocket_is_at_boundary(&copy));
		websocket_track(&copy, str_take(str_skip(rest, i), 1));
	}
	err_assert(until == rest.len || websocket_is_at_boundary(&copy));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	size_t piece = fuzz_take_byte(&input) + 1;
	struct websocket_tracker whole = {0};
	struct websocket_tracker pieces = {0};

	websocket_track(&whole, input);
	for (size_t at = 0; at < input.len; at += piece) {
		struct str rest = str_skip(input, at);
		if (at < 256 * piece)
			check_distance(&pieces, str_take(rest, 512));
		websocket_track(&pieces, str_take(rest, piece));
	}
	err_assert(whole.payload_left == pieces.payload_left);
	err_assert(whole.header_len == pieces.header_len);
	err_assert(memcmp(whole.header, pieces.header, whole.header_len) == 0);
	return 0;
}
