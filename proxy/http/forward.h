/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites messages for the next hop: removes hop-by-hop fields and our own cookies, and replaces
 * the identity and forwarding fields that only the proxy may set.
 *
 * Via is not added, though RFC 9110 section 7.6.3 asks for it: static file servers of IDEs disable
 * compression when they see it, and both ends of this hop are in the same pod.
 */
#ifndef PROXY_HTTP_FORWARD_H
#define PROXY_HTTP_FORWARD_H

#include "auth/auth.h"
#include "base/net/cidr.h"
#include "proxy/http/message.h"

struct forward {
	const struct auth *auth;
	const struct request_head *request;
	struct auth_identity identity;
	struct str forwarded_for; /* X-Forwarded-For */
	struct str request_id;
	struct str assertion;	 /* X-Workspace-Assertion; or empty */
	struct str token_header; /* removed from the request; or empty */
	struct str page_origin;	 /* in place of Origin; or empty */
};

/*
 * Finds the client's address and the X-Forwarded-For value to send. The list of a trusted peer is
 * read from its end up to the first address that is not trusted; that of any other peer is ignored.
 * *client is a view into peer_ip, h or a.
 */
bool forward_find_client(const struct cidr_set *trusted, const struct headers *h,
			 struct str peer_ip, struct arena *a, struct str *client,
			 struct str *forwarded_for) MUST_CHECK;

/* Whether Max-Forwards applies to this request (RFC 9110 section 7.6.2). */
bool forward_counts_hops(const struct request_head *r);

/* Returns the size in bytes of our own cookies, which are not forwarded. */
size_t forward_count_own_cookies(const struct auth *auth, const struct headers *h);

/* Writes the HTTP/1.1 request head for the upstream; for a request with a body, without Connection
 * and the empty line, which upstream_send_body adds. Check buf_is_ok afterwards. */
void forward_write_request(const struct forward *f, struct buf *out);

/*
 * Removes fields of a response: hop-by-hop fields except Upgrade of a 426, framing fields, and
 * Set-Cookie for our cookies. Keeps Trailer for a client that accepts trailers, if all of those
 * that it announces are forwarded.
 */
void forward_filter_response(const struct auth *auth, bool accepts_trailers,
			     struct response_head *r);

#endif
