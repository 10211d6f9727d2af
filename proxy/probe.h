/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether somebody listens at an address, as of the last attempt to connect: of a probe, or of
 * whoever else connects there and notes it.
 */
#ifndef PROXY_PROBE_H
#define PROXY_PROBE_H

#include "proxy/conn.h"

struct probe {
	struct conn conn;
	const struct address *address;
	uint64_t asked_at_ms;
	bool is_ready;
};

/* Not ready, and nothing under way. address outlives it. */
void probe_init(struct probe *p, struct loop *l, const struct address *address);
void probe_fini(struct probe *p);

/* Connects in the background, several times a second at most, and closes at once. */
void probe_ask(struct probe *p);

#endif
