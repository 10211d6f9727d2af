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
	size_t head_bytes; /* size as received, with start line and cookies */
	bool has_dot;	   /* the host ended with a dot, which was removed from authority */
	bool is_head;
	bool accepts_trailers; /* see trailers_are_accepted */
	bool wants_websocket;  /* a well-formed RFC 6455 opening handshake */
	struct str upgrade;    /* protocol to request from the upstream; empty: none */
	/* The protocol other than WebSocket that the client offers, if it offers exactly one.
	 * Ignored unless it is copied to upgrade. */
	struct str upgrade_offer;
	bool half_close_is_end; /* Connection: close; the client may shut down its sending side */
};

/* Whether there is a body although the method defines none (RFC 9110 section 9.3). A server may not
 * read it, and then take it for the next request. */
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
	bool has_length;    /* there is a Content-Length */
	struct str upgrade; /* of 101: the new protocol */
};

#endif
