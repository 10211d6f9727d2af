/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser's connection: TLS, then HTTP/1.1, one exchange at a time, pipelined requests in order.
 *
 * Every state has a deadline. Bytes that are not needed yet are held in a bounded buffer; when it
 * is full, the socket is not read.
 */
#ifndef PROXY_DOWNSTREAM_DOWNSTREAM_H
#define PROXY_DOWNSTREAM_DOWNSTREAM_H

#include "base/net/address.h"
#include "proxy/proxy.h"

#define DOWNSTREAM_LAST_REQUEST_MS 1000u /* timeout for a connection's request while draining */

/* Serves a connection. Takes ownership of fd. tls NULL: plain. */
void downstream_accept(struct proxy *p, int fd, const struct address *peer,
		       struct tls_context *tls);

/* For CONNECTIONS_MAX: whether a connection without a signed-in user has been idle for a second;
 * closes the one that has been idle longest, or returns false. */
bool downstream_has_idle(const struct proxy *p);
bool downstream_close_idle(struct proxy *p);

/* Starts draining: closes idle connections immediately, WebSockets with 1001, and others when their
 * exchange ends. */
void downstream_drain_all(struct proxy *p);

/* Closes all connections immediately. */
void downstream_close_all(struct proxy *p);

#endif
