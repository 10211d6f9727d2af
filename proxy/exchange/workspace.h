/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint <prefix>/workspace: shows the state of the clone and of the IDE as a page, JSON or
 * event stream; accepts a user's request to retry or to skip a failed clone.
 */
#ifndef PROXY_EXCHANGE_WORKSPACE_H
#define PROXY_EXCHANGE_WORKSPACE_H

#include "proxy/exchange/exchange.h"

/* x->verdict is AUTH_ALLOW. x->form holds a POST's body. */
void workspace_answer(struct exchange *x);

#endif
