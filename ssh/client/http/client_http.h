/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a workspace for one request: a short answer, or a WebSocket.
 */
#ifndef SSH_CLIENT_HTTP_CLIENT_HTTP_H
#define SSH_CLIENT_HTTP_CLIENT_HTTP_H

#include "ssh/client/client_private.h"

struct raw_stream;

struct client_http {
	const struct client_host *host;
	uint64_t deadline_ms; /* monotonic, for all of it */
	struct raw_stream *stream;
	/* Received bytes: interim response heads, the final head, and what follows it. */
	struct buf in;
	size_t head_at;	 /* of the head in `in` */
	size_t head_len; /* with its empty line */
};

/* Connects; ca_file is the login's. Release it with client_http_fini, whatever this returns. */
bool client_http_connect(struct client_http *c, const struct client_host *h,
			 const struct client_login *l, uint64_t timeout_ms,
			 struct err *e) MUST_CHECK;
void client_http_fini(struct client_http *c);

/* Sends the request, and receives the head of the answer, past interim ones. */
bool client_http_ask(struct client_http *c, struct str request, struct err *e) MUST_CHECK;

struct str client_http_head(const struct client_http *c);

/* What came behind the head. */
struct str client_http_rest(const struct client_http *c);

/* Receives the whole body. */
bool client_http_read_body(struct client_http *c, struct buf *body, struct err *e) MUST_CHECK;

#endif
