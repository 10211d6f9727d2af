/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of WebSocket frames, for both directions: pieces of any size (by the first byte) give
 * the same payloads and end as the whole does, copied or in place.
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

static enum websocket_event
read_event(struct websocket_reader *r, struct str *rest, bool in_place, struct str *payload)
{
	static char out[61];
	struct str before = *rest;
	size_t len;

	if (in_place) {
		enum websocket_event event = websocket_view(r, rest, payload);
		err_assert(payload->data >= before.data &&
			   payload->data + payload->len == rest->data);
		return event;
	}
	enum websocket_event event = websocket_read(r, rest, out, sizeof(out), &len);
	err_assert(len <= sizeof(out));
	*payload = (struct str){out, len};
	return event;
}

static struct reading
read_in_pieces(struct str input, bool from_client, bool in_place, size_t piece)
{
	struct websocket_reader r = {.from_client = from_client};
	struct reading g = {.end = WEBSOCKET_EVENT_MORE};
	struct str payload;

	for (size_t at = 0; at < input.len; at += piece) {
		struct str rest = str_take(str_skip(input, at), piece);

		while ((g.end = read_event(&r, &rest, in_place, &payload)) !=
		       WEBSOCKET_EVENT_MORE) {
			if (g.end == WEBSOCKET_EVENT_BAD || g.end == WEBSOCKET_EVENT_REFUSED)
				return g;
			add(&g, payload);
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
	struct reading whole = read_in_pieces(input, from_client, false, input.len + 1);

	for (int in_place = 0; in_place <= (from_client ? 0 : 1); in_place++) {
		struct reading pieces =
			read_in_pieces(input, from_client, in_place == 1, choice / 2 + 1);

		err_assert(whole.bytes == pieces.bytes && whole.sum == pieces.sum);
		err_assert(whole.controls == pieces.controls && whole.end == pieces.end);
	}
	return 0;
}
