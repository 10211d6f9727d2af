/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of idle connections, the most recently used first, and the end of any connection. A
 * connection is freed after the current callback, so that callers may still access it.
 */
#include <stdlib.h>

#include "proxy/upstream/upstream_private.h"

static void
free_conn(struct deferred_free_entry *entry)
{
	struct upstream_conn *c = (struct upstream_conn *)(void *)entry; /* its first member */

	buf_fini(&c->in);
	buf_fini(&c->trailers);
	free(c);
}

void
upstream_discard(struct upstream_conn *c)
{
	if (deferred_free_is_due(&c->deferred_free))
		return;
	c->state = UPSTREAM_CLOSED;
	c->handler = NULL;
	conn_close(&c->conn);
	loop_timer_fini(&c->timer);
	deferred_free_add(c->upstream->deferred_frees, &c->deferred_free, free_conn);
}

void
upstream_remove_idle(struct upstream_conn *c)
{
	if (!LIST_IS_LINKED(c, idle))
		return;
	LIST_UNLINK(c, idle);
	c->upstream->idle_count--;
	if (c->upstream->options.idles_count != NULL)
		--*c->upstream->options.idles_count;
}

void
upstream_discard_idle(struct upstream *u)
{
	while (!LIST_EMPTY(&u->idle)) {
		struct upstream_conn *c = LIST_FIRST(&u->idle);
		upstream_remove_idle(c);
		upstream_discard(c);
	}
}

static struct upstream_conn *
pick_idle(const struct upstream *u, enum upstream_freshness freshness)
{
	struct upstream_conn *c = LIST_FIRST(&u->idle);

	if (c == NULL || freshness == UPSTREAM_FRESH)
		return NULL;
	uint64_t reliable_ms = c->is_announced ? c->announced_ms : u->reliable_ms;
	if (freshness == UPSTREAM_RELIABLE &&
	    loop_now_ms(u->loop) - c->idle_since_ms >= reliable_ms)
		return NULL;
	return c;
}

void
upstream_note_idle_end(const struct upstream_conn *c)
{
	struct upstream *u = c->upstream;
	uint64_t half_ms = (loop_now_ms(u->loop) - c->idle_since_ms) / 2;

	if (half_ms < u->reliable_ms)
		u->reliable_ms = half_ms;
}

/* A connection on which bytes have arrived while it was idle must not be used: they would be taken
 * for the next response. For a request that can be repeated, the result of the event loop's last
 * wait suffices, which needs no system call. */
static bool
is_quiet(const struct upstream_conn *c, enum upstream_freshness freshness)
{
	return freshness == UPSTREAM_ANY ? conn_was_quiet(&c->conn) : conn_is_quiet(&c->conn);
}

struct upstream_conn *
upstream_take_idle(struct upstream *u, enum upstream_freshness freshness)
{
	struct upstream_conn *c;

	while ((c = pick_idle(u, freshness)) != NULL) {
		upstream_remove_idle(c);
		if (is_quiet(c, freshness))
			break;
		upstream_note_idle_end(c);
		upstream_discard(c);
	}
	return c;
}

void
upstream_put_idle(struct upstream_conn *c)
{
	struct upstream *u = c->upstream;

	c->handler = NULL;
	c->state = UPSTREAM_IDLE;
	LIST_INSERT_HEAD(&u->idle, c, idle);
	u->idle_count++;
	if (u->options.idles_count != NULL)
		++*u->options.idles_count;
	conn_want_read(&c->conn, true);
	conn_trim(&c->conn);
	c->idle_since_ms = loop_now_ms(u->loop);
	loop_timer_start(&c->timer, c->is_announced && c->announced_ms < u->options.idle_timeout_ms
					    ? c->announced_ms
					    : u->options.idle_timeout_ms);
}
