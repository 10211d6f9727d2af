/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of WebSocket frames, for both directions: pieces of any size (by the first byte) give
 * the same payloads and end as the whole does.
 */
#include "base/http/websocket_frame.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_also[] = {"fuzz_websocket", NULL};

/* A digest of all payloads and control frames. */
struct reading {
	uint64_t bytes;
	uint64_t sum;
	unsigned controls;
	enum websocket_event end;
};

static void
add(struct reading *g, struct str data)
{
	for (size_t i = 0; i < data.len; i++)
		g->sum = g->sum * 31 + (unsigned char)data.data[i];
	g->bytes += data.len;
}

static struct reading
read_in_pieces(struct str input, bool from_client, size_t piece)
{
	struct websocket_reader r = {.from_client = from_client};
	struct reading g = {.end = WEBSOCKET_EVENT_MORE};
	char out[61];
	size_t len;

	for (size_t at = 0; at < input.len; at += piece) {
		struct str rest = str_take(str_skip(input, at), piece);

		while ((g.end = websocket_read(&r, &rest, out, sizeof(out), &len)) !=
		       WEBSOCKET_EVENT_MORE) {
			err_assert(len <= sizeof(out));
			if (g.end == WEBSOCKET_EVENT_BAD || g.end == WEBSOCKET_EVENT_REFUSED)
				return g;
			add(&g, (struct str){out, len});
			if (g.end != WEBSOCKET_EVENT_DATA) {
				add(&g, websocket_control(&r));
				g.controls++;
			}
		}
		err_assert(rest.len == 0);
	}
	return g;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	unsigned choice = fuzz_take_byte(&input);
	bool from_client = (choice & 1) != 0;
	struct reading whole = read_in_pieces(input, from_client, input.len + 1);
	struct reading pieces = read_in_pieces(input, from_client, choice / 2 + 1);

	err_assert(whole.bytes == pieces.bytes && whole.sum == pieces.sum);
	err_assert(whole.controls == pieces.controls && whole.end == pieces.end);
	return 0;
}
