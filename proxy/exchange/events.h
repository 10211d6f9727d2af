/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event stream (WHATWG HTML, server-sent events) by which our pages follow the clone and the
 * readiness of the IDE or port.
 */
#ifndef PROXY_EXCHANGE_EVENTS_H
#define PROXY_EXCHANGE_EVENTS_H

#include "proxy/exchange/exchange.h"

#define EVENTS_STATE_MAX_BYTES 98304u /* of which lists of users may take two thirds */

struct events;

/* Whether the request asks for an event stream. */
bool events_are_accepted(const struct exchange *x);

/* Sends the response head and the current state. x->events is set; false without memory: nothing
 * was sent. */
bool events_start(struct exchange *x) MUST_CHECK;
void events_free(struct events *events); /* NULL is fine */

/* The stream is no longer blocked. */
void events_on_drained(struct events *events);

/* The state in JSON: the data of an event, and with the start's timeline the answer to programs. */
bool events_render_state(const struct exchange *x, bool is_ready, bool with_start, struct buf *out);

#endif
