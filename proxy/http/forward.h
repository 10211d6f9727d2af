/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway changes in a message: hop-by-hop fields end here, fields that only we may set are
 * dropped and set anew, our cookies are ours.
 *
 * Via is not added (RFC 9110 section 7.6.3 asks gateways for it): IDEs' static file servers turn
 * compression off when they see it, and the two ends of this hop share a pod.
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
	struct str token_header; /* not passed on; or empty */
};

/*
 * Whose request it is, and what X-Forwarded-For says on. A trusted peer's list is believed from its
 * end up to the first address that is not trusted itself; of everybody else it is dropped. *client
 * is a view into peer_ip or h.
 */
bool forward_find_client(const struct cidr_set *trusted, const struct headers *h,
			 struct str peer_ip, struct arena *a, struct str *client,
			 struct str *forwarded_for) MUST_CHECK;

/* Whether Max-Forwards means anything for this request: each gateway on the way takes one off, and
 * whoever gets 0 answers. */
bool forward_counts_hops(const struct request_head *r);

/* Writes the whole head for the upstream, HTTP/1.1, keep-alive. Check buf_is_ok afterwards. */
void forward_write_request(const struct forward *f, struct buf *out);

/* Takes out of a response's fields what must not pass: hop-by-hop, framing, Set-Cookie for our
 * names. */
void forward_filter_response(const struct auth *auth, struct headers *h);

#endif
