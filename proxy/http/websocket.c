/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses WebSocket frame headers byte by byte and counts payloads.
 */
#include "proxy/http/websocket.h"

static size_t
header_size(const struct websocket_tracker *t)
{
	uint8_t length = t->header[1] & 0x7f;

	if (t->header_len < 2)
		return 2;
	return length == 126 ? 4 : length == 127 ? 10 : 2;
}

/* Starts to count masking key and payload, after a complete header. */
static void
begin_payload(struct websocket_tracker *t)
{
	uint64_t length = t->header[1] & 0x7f;
	size_t size = header_size(t);

	if (size > 2) {
		length = 0;
		for (size_t i = 2; i < size; i++)
			length = length << 8 | t->header[i];
	}
	/* A length above 2^63 is invalid: saturate, so that no boundary is found. */
	uint64_t mask = (t->header[1] & 0x80) != 0 ? 4 : 0;
	t->payload_left = length > UINT64_MAX - mask ? UINT64_MAX : length + mask;
	t->header_len = 0;
}

static size_t
track_step(struct websocket_tracker *t, struct str data)
{
	if (t->payload_left > 0) {
		size_t take = data.len < t->payload_left ? data.len : (size_t)t->payload_left;
		t->payload_left -= take;
		return take;
	}
	t->header[t->header_len++] = (uint8_t)data.data[0];
	if (t->header_len >= 2 && t->header_len == header_size(t))
		begin_payload(t);
	return 1;
}

void
websocket_track(struct websocket_tracker *t, struct str data)
{
	while (data.len > 0)
		data = str_skip(data, track_step(t, data));
}

size_t
websocket_until_boundary(const struct websocket_tracker *t, struct str data)
{
	struct websocket_tracker copy = *t;
	size_t used = 0;

	while (used < data.len && !websocket_is_at_boundary(&copy))
		used += track_step(&copy, str_skip(data, used));
	return used;
}

void
websocket_close_frame(unsigned code, char out[WEBSOCKET_CLOSE_BYTES])
{
	out[0] = (char)0x88;
	out[1] = 2;
	out[2] = (char)(code >> 8);
	out[3] = (char)(code & 0xff);
}

bool
websocket_is_empty_pong(struct str data)
{
	static const char masked_pong[] = {'\x8a', '\x80'};
	const size_t mask_bytes = 4;

	return data.len == sizeof(masked_pong) + mask_bytes &&
	       memcmp(data.data, masked_pong, sizeof(masked_pong)) == 0;
}
