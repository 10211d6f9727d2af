/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket frames (RFC 6455 section 5) for endpoints: reads and writes binary messages as a stream
 * of bytes, without extensions. Payloads are passed on as they arrive, so a frame may have any
 * length; only control frames are gathered.
 */
#ifndef BASE_HTTP_WEBSOCKET_FRAME_H
#define BASE_HTTP_WEBSOCKET_FRAME_H

#include "base/str.h"

enum websocket_opcode {
	WEBSOCKET_OP_CONTINUATION = 0,
	WEBSOCKET_OP_TEXT = 1,
	WEBSOCKET_OP_BINARY = 2,
	WEBSOCKET_OP_CLOSE = 8,
	WEBSOCKET_OP_PING = 9,
	WEBSOCKET_OP_PONG = 10,
};

/* Close codes (RFC 6455 section 7.4.1 and the IANA registry). */
enum websocket_close_code {
	WEBSOCKET_NORMAL_END = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL_ERROR = 1002,
	WEBSOCKET_UNSUPPORTED_DATA = 1003,
	WEBSOCKET_NO_CODE = 1005, /* the close frame has no code; never sent */
	WEBSOCKET_POLICY_VIOLATION = 1008,
	WEBSOCKET_INTERNAL_ERROR = 1011,
	WEBSOCKET_TRY_AGAIN_LATER = 1013,
};

#define WEBSOCKET_HEADER_MAX  14u
#define WEBSOCKET_CONTROL_MAX 125u

/* Zero all fields but from_client. */
struct websocket_reader {
	bool from_client; /* frames must be masked, otherwise they must not be */
	bool in_message;  /* a message is incomplete */
	uint8_t header_len;
	uint8_t control_len;
	uint8_t mask_at;    /* counts payload bytes for the mask */
	uint64_t data_left; /* payload bytes of the current frame still to come */
	uint8_t header[WEBSOCKET_HEADER_MAX];
	char control[WEBSOCKET_CONTROL_MAX]; /* payload of a control frame */
};

enum websocket_event {
	WEBSOCKET_EVENT_MORE,	/* all input was read */
	WEBSOCKET_EVENT_DATA,	/* bytes of a binary message are in out */
	WEBSOCKET_EVENT_PING,	/* payload: websocket_control */
	WEBSOCKET_EVENT_PONG,	/* likewise */
	WEBSOCKET_EVENT_CLOSE,	/* websocket_close_code_of */
	WEBSOCKET_EVENT_BAD,	/* malformed: close with 1002, and call no more */
	WEBSOCKET_EVENT_REFUSED /* a text message: close with 1003, and call no more */
};

/* Reads from the start of *in up to the next event. Writes at most out_size bytes of payload to
 * out, and their number to *out_len. Call it until WEBSOCKET_EVENT_MORE. */
enum websocket_event websocket_read(struct websocket_reader *r, struct str *in, char *out,
				    size_t out_size, size_t *out_len);

/* As websocket_read for frames of servers, which are not masked: payload is a view into *in. */
enum websocket_event websocket_view(struct websocket_reader *r, struct str *in,
				    struct str *payload);

/* The payload of the last control frame. */
struct str websocket_control(const struct websocket_reader *r);

/* The code of the last close frame; WEBSOCKET_NO_CODE when it has none. */
unsigned websocket_close_code_of(const struct websocket_reader *r);

/* Writes the header of a final frame and returns its length. mask is NULL for servers. */
size_t websocket_write_header(char out[WEBSOCKET_HEADER_MAX], enum websocket_opcode opcode,
			      uint64_t payload_len, const uint8_t mask[4]);

/* XORs len bytes with the mask, starting at mask[at % 4]. out and in may be the same memory. */
void websocket_apply_mask(char *out, const char *in, size_t len, const uint8_t mask[4],
			  unsigned at);

/* Whether a Sec-WebSocket-Key is base64 of 16 bytes (RFC 6455 section 4.2.1). */
bool websocket_key_is_valid(struct str key);

/* Computes Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2). */
#define WEBSOCKET_ACCEPT_BYTES 28
bool websocket_accept(struct str key, char out[WEBSOCKET_ACCEPT_BYTES]) MUST_CHECK;

#endif
