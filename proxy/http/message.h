/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exchange knows of a request and a response, whatever protocol version carried them. All
 * views point into the arena of the message's owner.
 */
#ifndef PROXY_HTTP_MESSAGE_H
#define PROXY_HTTP_MESSAGE_H

#include "proxy/http/headers.h"

enum body_kind {
	BODY_NONE,
	BODY_LENGTH, /* length bytes */
	BODY_STREAM, /* ends when the sender says so: chunked, or closing where a response allows
			that */
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
	bool half_close_is_end; /* the client said that it sends nothing more: EOF is no abort */
};

struct response_head {
	unsigned status;
	struct headers headers;
	enum body_kind body;
	uint64_t length; /* of BODY_LENGTH; also for HEAD and 304, where nothing follows */
	bool has_length; /* Content-Length is to be sent */
	bool upgrades;	 /* 101 to websocket */
};

#endif
