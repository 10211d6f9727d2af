/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests among the hosts of one workspace (Fetch Standard, section 3.2): answers of
 * our own may be read by pages on these hosts, and preflights to the host of a port are answered
 * here. Everybody else's origin gets nothing. What servers behind us answer is their business.
 */
#ifndef PROXY_EXCHANGE_CORS_H
#define PROXY_EXCHANGE_CORS_H

#include "proxy/exchange/exchange.h"

/* Adds what lets a page on one of our hosts read this answer, when it is one that asks. */
void cors_add(const struct exchange *x, struct headers *h);

/*
 * Whether a browser asks for such a page if it may send a request to the host of a port. It asks
 * without cookies, so the server there can't be asked: the answer is yes, and the request itself
 * passes the gate.
 */
bool cors_is_preflight(const struct exchange *x);
void cors_add_preflight(const struct exchange *x, struct headers *h);

#endif
