/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <prefix>/workspace: the state of the clone and of the IDE, as a page, as JSON, and as an event
 * stream (WHATWG HTML, server-sent events); and the two things a user can do about a clone that
 * failed: try again, go on without.
 */
#ifndef PROXY_EXCHANGE_WORKSPACE_H
#define PROXY_EXCHANGE_WORKSPACE_H

#include "proxy/exchange/exchange.h"

/* After the gate: x->verdict is AUTH_ALLOW. x->form holds a POST's body. */
void workspace_answer(struct exchange *x);

/* Whether requests go to the IDE: the clone is done, not wanted, or waived. */
bool workspace_is_open(const struct proxy *p);

/* The clone as pages show it; NULL where there is nothing to show: none is wanted, or it is waived.
 */
const struct clone_progress *workspace_clone(const struct proxy *p);

/* Gives a clone that waits for a user's token the session's. That of a program is none: it may not
 * reach as far as git. */
void workspace_offer_token(const struct exchange *x);

/* Holds the session's token while the clone works with it. Once, after p->clone was made. */
void workspace_follow_clone(struct proxy *p);
void workspace_leave_clone(struct proxy *p); /* before p->clone and p->auth go */

/* The stream takes more, or is gone. */
void events_on_drained(struct events *events);
void events_free(struct events *events);

#endif
