/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of an exchange share: exchange.c (its life and the browser's side),
 * exchange_admit.c and exchange_upstream.c.
 */
#ifndef PROXY_EXCHANGE_EXCHANGE_PRIVATE_H
#define PROXY_EXCHANGE_EXCHANGE_PRIVATE_H

#include "proxy/exchange/exchange.h"

/* x->verdict is there: answers, or lets the request go where it may. */
void exchange_act_on_verdict(struct exchange *x);

/* Whether a request's body of so many bytes is over the limit. */
bool exchange_is_too_big(const struct exchange *x, uint64_t body_bytes);

/* Sends the admitted request on; what comes back is passed to the browser, up to the end. */
void exchange_forward(struct exchange *x);

/* Between two frames only: the close frame, and the end. */
void exchange_close_tunnel(struct exchange *x);

/* Starts or moves the one timer: what it is for, the state says. */
void exchange_start_timer(struct exchange *x, uint64_t delay_ms);

/* Nothing was sent to the browser for a while: a ping, where no frame is under way. */
void exchange_ping(struct exchange *x);

/* Ends it so that the browser sees that something is missing. */
void exchange_break_off(struct exchange *x);

#endif
