/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of our own: pages for people, JSON for programs, redirects.
 */
#ifndef PROXY_EXCHANGE_REPLY_H
#define PROXY_EXCHANGE_REPLY_H

#include "proxy/exchange/exchange.h"

/* Whether a person is looking at the answer: a navigation that takes HTML. */
bool reply_is_for_person(const struct exchange *x);

/* Each ends the exchange. */
void reply_status(struct exchange *x, unsigned status); /* the error page for a status */
void reply_verdict(struct exchange *x); /* what x->verdict says, unless it is AUTH_ALLOW */
void reply_status_page(struct exchange *x);
void reply_waiting(struct exchange *x); /* clone or IDE not ready: 503, live page */
void reply_problem(struct exchange *x, unsigned status, enum auth_problem problem);
void reply_body(struct exchange *x, unsigned status, const char *content_type, struct str body);
void reply_preflight(struct exchange *x); /* see cors_is_preflight */
void reply_redirect(struct exchange *x, unsigned status, const char *location);

/* The facts of a request as auth sees them. Valid while x lives. */
struct auth_facts reply_facts(const struct exchange *x);

#endif
