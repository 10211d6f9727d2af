/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin requests among the hosts of one workspace (Fetch Standard, section 3.2): pages on
 * these hosts may read responses of the proxy itself, and the proxy answers preflights to hosts of
 * ports. Other origins get no CORS fields. Responses of servers behind the proxy are not changed,
 * with one exception: after the redirects of a hand-over to a port, the browser sends "Origin:
 * null", and the server gets the page's origin instead.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_CORS_H
#define PROXY_EXCHANGE_RESPONSE_CORS_H

#include "proxy/exchange/exchange.h"

/* Adds the fields that allow the page to read the response, if its origin is one of our hosts or
 * the verdict allows it. */
void cors_add(const struct exchange *x, struct headers *h);

/*
 * Whether the request is a preflight from one of our hosts to the host of a port, or of a request
 * that is handed over to one. Preflights carry no cookies, so they can't be authorized and
 * forwarded: they are always granted, and the request that follows is authorized as usual.
 */
bool cors_is_preflight(const struct exchange *x);
void cors_add_preflight(const struct exchange *x, struct headers *h);

/* Sets x->page_origin of an allowed request to a port. */
void cors_find_page(struct exchange *x);

/* Changes the server's response to a request with x->page_origin: replaces that origin by "null" in
 * Access-Control-Allow-Origin, so that the page may read it. h needs room for one field. */
void cors_pass_response(const struct exchange *x, struct headers *h);

#endif
