/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks frame boundaries of one direction of a WebSocket (RFC 6455 section 5.2) without looking at
 * payloads, so that a close frame can be inserted between two frames.
 */
#ifndef PROXY_HTTP_WEBSOCKET_H
#define PROXY_HTTP_WEBSOCKET_H

#include "base/http/websocket_frame.h"

struct websocket_tracker {
	uint64_t payload_left;
	uint8_t header[10]; /* without the masking key, which counts as payload */
	uint8_t header_len;
};

/* Advances over all of data. */
void websocket_track(struct websocket_tracker *t, struct str data);

/* Returns how many bytes of data belong to the current frame; 0 at a boundary. Does not advance. */
size_t websocket_until_boundary(const struct websocket_tracker *t, struct str data);

static inline bool
websocket_is_at_boundary(const struct websocket_tracker *t)
{
	return t->payload_left == 0 && t->header_len == 0;
}

/* Whether data is exactly one empty pong of a client: the automatic response to a ping, which is no
 * activity of the user. */
bool websocket_is_empty_pong(struct str data);

/* An empty ping, from server to client. */
#define WEBSOCKET_PING STR("\x89\0")

/* An unmasked close frame, from server to client. */
#define WEBSOCKET_CLOSE_BYTES 4
void websocket_close_frame(unsigned code, char out[WEBSOCKET_CLOSE_BYTES]);

#endif
