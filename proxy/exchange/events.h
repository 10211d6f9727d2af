/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event stream (WHATWG HTML, server-sent events) by which our pages follow the clone and the
 * readiness of the IDE or port.
 */
#ifndef PROXY_EXCHANGE_EVENTS_H
#define PROXY_EXCHANGE_EVENTS_H

#include "proxy/exchange/exchange.h"

#define EVENTS_STATE_MAX_BYTES 98304u /* two thirds of it for lists of users that ports have */

struct events;

/* Whether the request asks for an event stream. */
bool events_are_accepted(const struct exchange *x);

/* Sends the response head and the current state, and sets x->events. False without memory; then
 * nothing was sent. */
bool events_start(struct exchange *x) MUST_CHECK;
void events_free(struct events *events); /* NULL is fine */

/* The stream is no longer blocked. */
void events_on_drained(struct events *events);

/* Appends the state as JSON: the data of an event or, with the timeline of the start, the response
 * to API clients. */
bool events_render_state(const struct exchange *x, bool is_ready, bool with_start, struct buf *out);

#endif
