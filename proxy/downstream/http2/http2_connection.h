/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser's connection that speaks HTTP/2: many exchanges at once on one struct downstream, which
 * keeps the socket and its place among all connections.
 */
#ifndef PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_H
#define PROXY_DOWNSTREAM_HTTP2_HTTP2_CONNECTION_H

#include "proxy/http/http2/http2.h"

struct downstream;
struct http2_connection;

/* How struct downstream ends HTTP/2: stop ends all exchanges, and free is called after the current
 * callback. */
struct http2_connection_ops {
	void (*stop)(struct http2_connection *c);
	void (*free)(struct http2_connection *c);
};

/* Starts HTTP/2 after the TLS handshake, or when HTTP2_PREFACE was received, which has to be passed
 * to http2_connection_receive as well. False: the downstream was closed. */
bool http2_connection_start(struct downstream *d);

/* Processes all of data, which it may change. Returns len. */
size_t http2_connection_receive(struct http2_connection *c, char *data, size_t len);

/* Whether there are no exchanges. */
bool http2_connection_is_idle(const struct http2_connection *c);

/* Starts draining: refuses new requests after a notice to the peer, and closes when all others have
 * ended. */
void http2_connection_drain(struct http2_connection *c);

#endif
