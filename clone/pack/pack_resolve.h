/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolves the deltas of a complete pack on several threads, depth first, so that few objects are
 * in memory at a time. Objects evicted from the budget are rebuilt when needed.
 */
#ifndef CLONE_PACK_PACK_RESOLVE_H
#define CLONE_PACK_PACK_RESOLVE_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

struct pack_resolve;

/* Starts the threads. fd, table and memory must outlive it; the ids of deltas are stored in the
 * table. */
struct pack_resolve *pack_resolve_new(int fd, struct pack_table *table, struct pack_memory *memory,
				      unsigned threads, struct err *e) MUST_CHECK;

/* Waits until a thread ends, at most timeout_ms. True: all threads are done. *deltas is the number
 * resolved so far. */
bool pack_resolve_wait(struct pack_resolve *r, unsigned timeout_ms, uint32_t *deltas) MUST_CHECK;

/* Whether all deltas were resolved; call it after pack_resolve_wait returned true. */
bool pack_resolve_end(struct pack_resolve *r, struct err *e) MUST_CHECK;
void pack_resolve_free(struct pack_resolve *r); /* stops running threads */

#endif
