/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <prefix>/workspace: the state of the clone and of the IDE or port as a page, JSON, or an event
 * stream (WHATWG HTML, server-sent events), by which our pages follow it; a POST retries or skips a
 * failed clone.
 */
#ifndef PROXY_EXCHANGE_WORKSPACE_H
#define PROXY_EXCHANGE_WORKSPACE_H

#include "proxy/exchange/exchange.h"

/* Answers the request; the body of a POST is in x->form. Sets x->events for an event stream.
 * x->verdict is AUTH_ALLOW. */
void workspace_answer(struct exchange *x);

#endif
