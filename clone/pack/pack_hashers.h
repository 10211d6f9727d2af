/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that hash whole objects while others still arrive. Adding never waits: when the queue is
 * full, the calling thread hashes the object itself.
 */
#ifndef CLONE_PACK_PACK_HASHERS_H
#define CLONE_PACK_PACK_HASHERS_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

struct pack_hashers;

/* threads may be 0. */
struct pack_hashers *pack_hashers_new(struct pack_table *table, struct pack_memory *memory,
				      unsigned threads, struct err *e) MUST_CHECK;

/* Takes ownership of the block. The entry's id is set at the latest by pack_hashers_end. */
bool pack_hashers_add(struct pack_hashers *h, uint32_t index, struct pack_block *object,
		      struct err *e) MUST_CHECK;

/* Waits for all objects. False if one could not be hashed. */
bool pack_hashers_end(struct pack_hashers *h, struct err *e) MUST_CHECK;
void pack_hashers_free(struct pack_hashers *h); /* ends the threads */

#endif
