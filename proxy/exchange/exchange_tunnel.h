/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls from a stream to an exchange that has become a tunnel, in addition to those of exchange.h.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_TUNNEL_H
#define PROXY_EXCHANGE_EXCHANGE_TUNNEL_H

#include "proxy/exchange/exchange.h"

/* The browser has shut down its side of the connection, but may still receive. False for a
 * WebSocket, which ends then. */
bool exchange_on_half_close(struct exchange *x);

/* The upstream has shut down its side of a tunnel other than a WebSocket. */
void exchange_on_upstream_half_close(struct exchange *x);

#endif
