/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP Strict Transport Security (RFC 6797) for the workspace's host and those of its ports.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_HSTS_H
#define PROXY_EXCHANGE_RESPONSE_HSTS_H

#include "proxy/exchange/exchange.h"

/*
 * Sets the field as STRICT_TRANSPORT_SECURITY says, in place of one that the upstream set. Does so
 * only if the browser's connection is secure: TLS here, or X-Forwarded-Proto of a trusted proxy.
 */
void hsts_set(const struct exchange *x, struct headers *h);

#endif
