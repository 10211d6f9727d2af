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

/* After the TLS handshake, or when the first bytes are HTTP2_PREFACE, which
 * http2_connection_receive takes as well. False: the downstream was closed. */
bool http2_connection_start(struct downstream *d);

/* Takes all of data, which it may change; returns len. */
size_t http2_connection_receive(struct http2_connection *c, char *data, size_t len);

/* No exchange is under way. */
bool http2_connection_is_idle(const struct http2_connection *c);

/* New requests are refused from soon on; the connection closes when the others have ended. */
void http2_connection_drain(struct http2_connection *c);

/* The downstream is being closed: exchanges are lost. Free it when the stack is gone; NULL is fine.
 */
void http2_connection_stop(struct http2_connection *c);
void http2_connection_free(struct http2_connection *c);

#endif
