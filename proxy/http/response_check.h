/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks response heads against the request that they answer: how many interim responses may come
 * before the final one, and what a 101 must say.
 */
#ifndef PROXY_HTTP_RESPONSE_CHECK_H
#define PROXY_HTTP_RESPONSE_CHECK_H

#include "proxy/http/message.h"
#include "proxy/http/websocket.h"

#define RESPONSE_CHECK_INTERIM_MAX 32u /* 1xx responses to one request */

struct response_check {
	struct str upgrade; /* the requested protocol; empty: none */
	bool is_websocket;
	char accept[WEBSOCKET_ACCEPT_BYTES]; /* expected in the response to an upgrade */
	unsigned interim_count;
};

/* Prepares the check of the responses to r. r->upgrade must outlive it. */
void response_check_init(struct response_check *check, const struct request_head *r);

/* Checks each response head in turn. Fails with ERR_PROTOCOL for too many interim responses (RFC
 * 9110 section 15.2), and for a 101 that was not requested or has no valid Sec-WebSocket-Accept
 * (RFC 6455 section 4.1). */
bool response_check_head(struct response_check *check, const struct response_head *head,
			 struct err *e) MUST_CHECK;

#endif
