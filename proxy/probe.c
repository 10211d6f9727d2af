/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See probe.h. A probe has no deadline of its own: the next one ends it.
 */
#include "proxy/probe.h"

#define PAUSE_MS 250 /* between two probes */

static void
on_open(void *arg)
{
	struct probe *p = arg;

	p->is_ready = true;
	conn_close(&p->conn);
}

static void
on_failed(const struct err *e, void *arg)
{
	struct probe *p = arg;

	(void)e;
	p->is_ready = false;
	conn_close(&p->conn);
}

static void
on_ignored(void *arg)
{
	(void)arg;
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_readable = on_ignored,
	.on_drained = on_ignored,
	.on_failed = on_failed,
};

void
probe_init(struct probe *p, struct loop *l, const struct address *address)
{
	*p = (struct probe){.address = address};
	conn_init(&p->conn, l, &ops, p);
}

void
probe_fini(struct probe *p)
{
	conn_close(&p->conn);
}

void
probe_ask(struct probe *p)
{
	struct err e = ERR_INIT;
	uint64_t now_ms = loop_now_ms(p->conn.loop);

	if (now_ms - p->asked_at_ms < PAUSE_MS)
		return;
	p->asked_at_ms = now_ms;
	/* An attempt that is still under way has had its time. */
	conn_close(&p->conn);
	if (!conn_connect(&p->conn, p->address, &e))
		p->is_ready = false;
}
