/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resolving the deltas of a complete pack on several threads, depth first, so that few objects are
 * held at a time; those that the budget has no room for are made again when their turn comes.
 */
#ifndef CLONE_PACK_PACK_RESOLVE_H
#define CLONE_PACK_PACK_RESOLVE_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

struct pack_resolve;

/* Starts. fd, table and memory outlive it; ids of deltas appear in the table. */
struct pack_resolve *pack_resolve_new(int fd, struct pack_table *table, struct pack_memory *memory,
				      unsigned threads, struct err *e) MUST_CHECK;

/* Waits at most so long; true once all threads are done. deltas: resolved so far. */
bool pack_resolve_wait(struct pack_resolve *r, unsigned timeout_ms, uint32_t *deltas) MUST_CHECK;

/* Once it is done: whether all went well. */
bool pack_resolve_end(struct pack_resolve *r, struct err *e) MUST_CHECK;
void pack_resolve_free(struct pack_resolve *r); /* ends what still runs */

#endif
