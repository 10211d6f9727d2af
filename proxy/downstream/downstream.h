/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser's connection: TLS, then HTTP/1.1, one exchange at a time, pipelined requests in order.
 *
 * Every state has a deadline. Bytes that are not needed yet wait in a bounded buffer; beyond it
 * the socket is not read.
 */
#ifndef PROXY_DOWNSTREAM_DOWNSTREAM_H
#define PROXY_DOWNSTREAM_DOWNSTREAM_H

#include "base/net/address.h"
#include "proxy/proxy.h"

#define DOWNSTREAM_LAST_REQUEST_MS 1000u /* for the one request of a connection, while draining */

/* Owns fd. tls NULL: plain. */
void downstream_accept(struct proxy *p, int fd, const struct address *peer,
		       struct tls_context *tls);

/* At CONNECTIONS_MAX: whether a connection without a user has waited for a request for a while, and
 * closing the one that has waited longest. False: there is none. */
bool downstream_has_idle(const struct proxy *p);
bool downstream_close_idle(struct proxy *p);

/* Draining: idle connections close, others close when their exchange ends; WebSockets are closed
 * with 1001. */
void downstream_drain_all(struct proxy *p);

/* At once. */
void downstream_close_all(struct proxy *p);

#endif
