/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a server listens at one of a few addresses, as of the last attempt to connect: by a
 * probe, or by a caller that connects there and reports the result. If one address refuses, the
 * next is tried.
 */
#ifndef PROXY_UPSTREAM_PROBE_H
#define PROXY_UPSTREAM_PROBE_H

#include "proxy/conn/conn.h"

struct probe {
	struct conn conn;
	const struct address *addresses;
	size_t count;
	struct tls_context *tls; /* NULL: plain */
	size_t current;
	size_t asked; /* index of the probe under way */
	size_t tries_left;
	uint64_t asked_at_ms;
	bool is_ready;
	uint64_t changed_ms;	 /* when is_ready changed last; at first, when it was initialized */
	uint64_t first_ready_ms; /* 0: not yet */
};

/* Initializes a probe as not ready. The addresses and tls outlive it. With tls, a server counts as
 * listening if the handshake succeeds. */
void probe_init(struct probe *p, struct loop *l, const struct address *addresses, size_t count,
		struct tls_context *tls);
void probe_fini(struct probe *p);

/* Starts again with the first address, as not ready. Call it after the addresses were changed in
 * place. */
void probe_restart(struct probe *p, size_t count);

/* Connects in the background and closes immediately; at most several times a second. */
void probe_ask(struct probe *p);

/* Returns the index of the address to connect to. probe_note records the result. */
static inline size_t
probe_choose(const struct probe *p)
{
	return p->current;
}
void probe_note(struct probe *p, size_t index, bool is_ready);

#endif
