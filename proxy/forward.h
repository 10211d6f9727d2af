/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway changes in a message: hop-by-hop fields end here, fields that only we may set are
 * dropped and set anew, our cookies are ours.
 *
 * Via is not added (RFC 9110 section 7.6.3 asks gateways for it): IDEs' static file servers turn
 * compression off when they see it, and the two ends of this hop share a pod.
 */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H

#include "auth/auth.h"
#include "proxy/message.h"

struct forward {
	const struct auth *auth;
	const struct request_head *request;
	struct auth_identity identity;
	struct str peer_ip;
	struct str request_id;
};

/* Writes the whole head for the upstream, HTTP/1.1, keep-alive. Check buf_is_ok afterwards. */
void forward_write_request(const struct forward *f, struct buf *out);

/* Takes out of a response's fields what must not pass: hop-by-hop, framing, Set-Cookie for our
 * names. */
void forward_filter_response(const struct auth *auth, struct headers *h);

#endif
