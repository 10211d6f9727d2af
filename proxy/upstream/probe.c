/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to one address after the other until one accepts. A probe has no timeout of its own: the
 * next probe ends it.
 */
#include "proxy/upstream/probe.h"

#define PAUSE_MS 250 /* between two probes */

static void try(struct probe *p);

static void
on_open(void *arg)
{
	struct probe *p = arg;

	probe_note(p, p->asked, true);
	conn_close(&p->conn);
}

static void
on_failed(const struct err *e, void *arg)
{
	struct probe *p = arg;

	(void)e;
	probe_note(p, p->asked, false);
	conn_close(&p->conn);
	if (p->tries_left > 0)
		try(p);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_failed = on_failed,
};

void
probe_init(struct probe *p, struct loop *l, const struct address *addresses, size_t count,
	   struct tls_context *tls)
{
	*p = (struct probe){
		.addresses = addresses, .count = count, .tls = tls, .changed_ms = loop_now_ms(l)};
	conn_init(&p->conn, l, &ops, p);
}

static void
change(struct probe *p, bool is_ready)
{
	if (p->is_ready == is_ready)
		return;
	p->is_ready = is_ready;
	p->changed_ms = loop_now_ms(p->conn.loop);
	if (p->first_ready_ms == 0)
		p->first_ready_ms = p->changed_ms;
}

void
probe_restart(struct probe *p, size_t count)
{
	conn_close(&p->conn);
	p->count = count;
	p->current = 0;
	p->tries_left = 0;
	p->asked_at_ms = 0;
	change(p, false);
}

void
probe_fini(struct probe *p)
{
	conn_close(&p->conn);
}

static void
try(struct probe *p)
{
	struct err e = ERR_INIT;

	while (p->tries_left > 0) {
		p->tries_left--;
		p->asked = p->current;
		if (conn_connect(&p->conn, &p->addresses[p->asked], p->tls, &e))
			return;
		probe_note(p, p->asked, false);
	}
}

void
probe_ask(struct probe *p)
{
	uint64_t now_ms = loop_now_ms(p->conn.loop);

	if (now_ms - p->asked_at_ms < PAUSE_MS)
		return;
	p->asked_at_ms = now_ms;
	/* An attempt that has not ended yet has timed out. */
	conn_close(&p->conn);
	p->tries_left = p->count;
	try(p);
}

/* If several connections to an address fail, only the first failure selects the next address. */
void
probe_note(struct probe *p, size_t index, bool is_ready)
{
	/* Ignores results for addresses from before probe_restart. */
	if (index >= p->count)
		return;
	if (is_ready) {
		change(p, true);
		p->current = index;
	} else if (index == p->current) {
		change(p, false);
		p->current = (p->current + 1) % p->count;
	}
}
