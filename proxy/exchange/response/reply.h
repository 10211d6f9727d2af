/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of the proxy itself: pages for users, JSON for API clients, redirects. Each call ends
 * the exchange, unless its comment says otherwise.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_REPLY_H
#define PROXY_EXCHANGE_RESPONSE_REPLY_H

#include "proxy/exchange/exchange.h"

/* Send the error page of a status, of a problem, or with a sentence that says what is wrong. */
void reply_status(struct exchange *x, unsigned status);
void reply_problem(struct exchange *x, unsigned status, enum auth_problem problem);
void reply_detail(struct exchange *x, unsigned status, const char *detail);

/* Sends 405. allowed: the value of Allow, such as "GET, HEAD". */
void reply_wrong_method(struct exchange *x, const char *allowed);

/* Sends the response that x->verdict describes. */
void reply_verdict(struct exchange *x);

/* Sends 503 with a page that updates itself, while the clone or the server is not ready. */
void reply_waiting(struct exchange *x);

void reply_status_page(struct exchange *x);
void reply_body(struct exchange *x, unsigned status, const char *content_type, struct str body);

/* Sends the public keys of assertions, which may be cached for some minutes. */
void reply_jwks(struct exchange *x);

/* Sends 426 (RFC 9110 section 15.5.22): a WebSocket with this subprotocol is expected. */
void reply_upgrade_required(struct exchange *x, const char *subprotocol);

/* Sends the head of a streamed response, with status 200. Does not end the exchange. */
void reply_stream_head(struct exchange *x, const char *content_type);

void reply_preflight(struct exchange *x); /* see cors_is_preflight */
void reply_redirect(struct exchange *x, unsigned status, const char *location);

#endif
