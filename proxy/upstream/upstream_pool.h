/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle connections of one upstream. For proxy/upstream/upstream*.c only.
 */
#ifndef PROXY_UPSTREAM_UPSTREAM_POOL_H
#define PROXY_UPSTREAM_UPSTREAM_POOL_H

#include "proxy/upstream/upstream_private.h"

/* Takes the connection that was used last out of the pool, if it is open and fulfils the wish; NULL
 * where there is none. */
struct upstream_conn *upstream_take_idle(struct upstream *u, enum upstream_wish wish);

/* Puts an unused connection into the pool, until its idle timeout. */
void upstream_put_idle(struct upstream_conn *c);

/* Takes it out of the pool, if it is there. */
void upstream_remove_idle(struct upstream_conn *c);

/* Closes it now and frees it after the current callback. Twice is fine. */
void upstream_discard(struct upstream_conn *c);

/* The same for all that are in the pool. */
void upstream_discard_idle(struct upstream *u);

/* The server closed an idle connection: those that it may close as early are used with care. */
void upstream_note_idle_end(const struct upstream_conn *c);

#endif
