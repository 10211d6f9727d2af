/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests among the hosts of one workspace (Fetch Standard, section 3.2): pages on
 * these hosts may read responses of the proxy itself, and preflights to hosts of ports are
 * answered here. Other origins get no CORS fields. Responses of servers behind the proxy are not
 * changed, except the response to a request that returns from the hand-over to its port: the
 * browser treats its origin as "null", while the server sees the page's.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_CORS_H
#define PROXY_EXCHANGE_RESPONSE_CORS_H

#include "proxy/exchange/exchange.h"

/* Adds the fields that allow reading the response, if the request's origin is one of our hosts, or
 * the verdict says so. */
void cors_add(const struct exchange *x, struct headers *h);

/*
 * Whether the request is a preflight from one of our hosts to the host of a port, or of a request
 * that is handed over to one. Preflights carry no cookies, so they can't be authorized and
 * forwarded: they are always granted, and the request that follows is authorized as usual.
 */
bool cors_is_preflight(const struct exchange *x);
void cors_add_preflight(const struct exchange *x, struct headers *h);

/* Finds x->page_origin of an allowed request to a port. */
void cors_find_page(struct exchange *x);

/* Changes the server's answer for a request with x->page_origin: what is open to the page's origin
 * is to be read by it. There must be room for one field. */
void cors_pass_response(const struct exchange *x, struct headers *h);

#endif
