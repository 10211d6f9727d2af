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
	size_t head_bytes; /* as received, with start line and cookies */
	bool has_dot;	   /* the host was written with a dot at its end, which authority lacks */
	bool is_head;
	bool accepts_trailers; /* see trailers_are_accepted */
	bool wants_websocket;  /* a well-formed RFC 6455 opening handshake */
	struct str upgrade;    /* what the upstream is asked to switch to; empty: nothing */
	/* What the client asks for instead of a WebSocket, if it is one protocol. It is ignored
	 * unless it becomes upgrade. */
	struct str upgrade_offer;
	bool half_close_is_end; /* Connection: close; the client may shut down its sending side */
};

/* Whether there is a body for a method that defines none (RFC 9110 section 9.3): servers may leave
 * it unread, and then take it for the next request. */
static inline bool
request_has_stray_body(const struct request_head *r)
{
	return r->body != BODY_NONE && !str_equal(r->method, STR("POST")) &&
	       !str_equal(r->method, STR("PUT")) && !str_equal(r->method, STR("PATCH"));
}

struct response_head {
	unsigned status;
	struct headers headers;
	enum body_kind body;
	uint64_t length;    /* of BODY_LENGTH; also of HEAD and 304, which have no body */
	bool has_length;    /* send Content-Length */
	struct str upgrade; /* of 101: what it switches to */
};

#endif
