/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's endpoint for sidecars: passes the body of a POST to the token broker, and its answer
 * back.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_BROKER_H
#define PROXY_EXCHANGE_EXCHANGE_BROKER_H

#include "proxy/exchange/exchange.h"

#define EXCHANGE_BROKER_BODY_MS 10000u /* to receive the body, at most */

/* x->form is the whole body. */
void exchange_broker_ask(struct exchange *x);

#endif
