/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps a list of connections and a timer per thread. The timer runs while the list is not empty.
 */
#include "proxy/conn/conn_warm.h"

#include "proxy/conn/conn.h"

#define PERIOD_MS 250u

LIST_HEAD(conn_list, conn);

static _Thread_local struct {
	struct conn_list conns;
	struct loop_timer timer; /* initialized while there are conns */
	unsigned count;
} warm;

static void
remove_conn(struct conn *c)
{
	LIST_UNLINK(c, warm.entry);
	if (--warm.count == 0)
		loop_timer_fini(&warm.timer);
}

static void
on_period(void *arg)
{
	struct loop *loop = arg;
	uint64_t period = loop_now_ms(loop) / PERIOD_MS;
	struct conn *c;
	struct conn *next;

	LIST_FOREACH_SAFE (c, &warm.conns, warm.entry, next)
		if (c->warm.period + 1 < period) {
			tls_session_keep_buffers(c->tls, false);
			remove_conn(c);
		}
	if (warm.count > 0)
		loop_timer_start(&warm.timer, PERIOD_MS);
}

static void
add_conn(struct conn *c)
{
	if (warm.count == WARM_MAX)
		return;
	if (warm.count++ == 0) {
		loop_timer_init(&warm.timer, c->loop, on_period, c->loop);
		loop_timer_start(&warm.timer, PERIOD_MS);
	}
	LIST_INSERT_HEAD(&warm.conns, c, warm.entry);
	tls_session_keep_buffers(c->tls, true);
}

void
conn_warm_note_read(struct conn *c)
{
	uint64_t period = loop_now_ms(c->loop) / PERIOD_MS;

	if (c->warm.period != period) {
		c->warm.period = period;
		c->warm.reads = 0;
	}
	if (c->warm.reads < WARM_READS)
		c->warm.reads++;
	else if (!LIST_IS_LINKED(c, warm.entry))
		add_conn(c);
}

void
conn_warm_forget(struct conn *c)
{
	if (LIST_IS_LINKED(c, warm.entry))
		remove_conn(c);
}
