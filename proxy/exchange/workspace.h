/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint <prefix>/workspace: shows the state of the clone and of the IDE as a page, JSON or
 * event stream; takes a user's wish to retry or to skip a clone that failed.
 */
#ifndef PROXY_EXCHANGE_WORKSPACE_H
#define PROXY_EXCHANGE_WORKSPACE_H

#include "proxy/exchange/exchange.h"

/* x->verdict is AUTH_ALLOW. x->form holds a POST's body. */
void workspace_answer(struct exchange *x);

#endif
