/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for objects, from a budget shared by all threads. Allocations beyond the budget are
 * mappings of unlinked files next to the pack, which the kernel can write back when memory is
 * short; so large objects take disk space for a while, and no thread waits for memory.
 */
#ifndef CLONE_PACK_PACK_MEMORY_H
#define CLONE_PACK_PACK_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"

struct pack_memory {
	const char *directory; /* for the unlinked files */
	size_t budget_bytes;
	atomic_size_t used_bytes;
};

/* data has at least size bytes, not zeroed. A zeroed struct is an empty block, which may be freed.
 */
struct pack_block {
	uint8_t *data;
	size_t size;
	bool is_file;
};

void pack_memory_init(struct pack_memory *m, const char *directory, size_t budget_bytes);

bool pack_block_alloc(struct pack_memory *m, struct pack_block *b, size_t size,
		      struct err *e) MUST_CHECK;
void pack_block_free(struct pack_memory *m, struct pack_block *b);

/* Whether size bytes of the budget are free at the moment. */
bool pack_memory_has(const struct pack_memory *m, size_t size);

#endif
