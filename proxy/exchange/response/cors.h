/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests among the hosts of one workspace (Fetch Standard, section 3.2): pages on
 * these hosts may read responses of the proxy itself, and preflights to hosts of ports are answered
 * here. Other origins get no CORS fields. Responses of servers behind the proxy are not changed.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_CORS_H
#define PROXY_EXCHANGE_RESPONSE_CORS_H

#include "proxy/exchange/exchange.h"

/* Adds the fields that allow reading the response, if the request's origin is one of our hosts. */
void cors_add(const struct exchange *x, struct headers *h);

/*
 * Whether the request is a preflight from one of our hosts to the host of a port. Preflights carry
 * no cookies, so they can't be authorized and forwarded: they are always granted, and the request
 * that follows is authorized as usual.
 */
bool cors_is_preflight(const struct exchange *x);
void cors_add_preflight(const struct exchange *x, struct headers *h);

#endif
