/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses of the proxy itself: pages for users, JSON for programs, redirects. Each call ends the
 * exchange.
 */
#ifndef PROXY_EXCHANGE_RESPONSE_REPLY_H
#define PROXY_EXCHANGE_RESPONSE_REPLY_H

#include "proxy/exchange/exchange.h"

/* Whether a browser navigates here and accepts HTML. */
bool reply_is_for_person(const struct exchange *x);

/* The error page for a status. */
void reply_status(struct exchange *x, unsigned status);
void reply_problem(struct exchange *x, unsigned status, enum auth_problem problem);

/* The response that x->verdict asks for. */
void reply_verdict(struct exchange *x);

/* 503 with a page that updates itself: the clone or the IDE is not ready. */
void reply_waiting(struct exchange *x);

void reply_status_page(struct exchange *x);
void reply_body(struct exchange *x, unsigned status, const char *content_type, struct str body);
/* The public keys of assertions, which anybody may keep for some minutes. */
void reply_jwks(struct exchange *x);
/* 426 (RFC 9110 section 15.5.22): a WebSocket with this subprotocol is expected. */
void reply_upgrade_required(struct exchange *x, const char *subprotocol);
/* An error with a sentence that says what is wrong. */
void reply_detail(struct exchange *x, unsigned status, const char *detail);

/* Begins a response whose body follows piece by piece; the exchange goes on. */
void reply_stream_head(struct exchange *x, const char *content_type);

void reply_preflight(struct exchange *x); /* see cors_is_preflight */
void reply_redirect(struct exchange *x, unsigned status, const char *location);

/* The request as auth sees it. Valid as long as x. */
struct auth_facts reply_facts(const struct exchange *x);

#endif
