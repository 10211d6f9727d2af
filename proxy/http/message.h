/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request and response heads, independent of the protocol version. All views point into the arena
 * of the message's owner.
 */
#ifndef PROXY_HTTP_MESSAGE_H
#define PROXY_HTTP_MESSAGE_H

#include "proxy/http/headers.h"

enum body_kind {
	BODY_NONE,
	BODY_LENGTH, /* length bytes */
	/* Length unknown: chunked, or for responses up to the end of the connection. */
	BODY_STREAM,
};

struct request_head {
	struct str method;
	struct str target;    /* origin-form or "*": path and query, raw */
	struct str path;      /* raw, up to '?' */
	struct str query;     /* raw, without '?' */
	struct str authority; /* host[:port], valid by url_split_authority */
	struct headers headers;
	enum body_kind body;
	uint64_t length;
	bool is_head;
	bool wants_websocket;	/* a well-formed RFC 6455 opening handshake */
	bool half_close_is_end; /* Connection: close; the client may shut down its sending side */
};

struct response_head {
	unsigned status;
	struct headers headers;
	enum body_kind body;
	uint64_t length; /* of BODY_LENGTH; also of HEAD and 304, which have no body */
	bool has_length; /* send Content-Length */
	bool upgrades;	 /* 101 to WebSocket */
};

#endif
