/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The indexer's memory: blocks out of a budget that threads share. What the budget can't give comes
 * as a mapping of an unlinked file beside the pack, which the kernel can write out when memory is
 * short; so large objects need disk for a while, and nothing has to wait for anything.
 */
#ifndef CLONE_PACK_PACK_MEMORY_H
#define CLONE_PACK_PACK_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/err.h"

struct pack_memory {
	const char *directory; /* where files may lie */
	size_t budget_bytes;
	atomic_size_t used_bytes;
};

/* data: at least size bytes, not zeroed. All zero: nothing, which may be freed. */
struct pack_block {
	uint8_t *data;
	size_t size;
	bool is_file;
};

void pack_memory_init(struct pack_memory *m, const char *directory, size_t budget_bytes);

bool pack_block_alloc(struct pack_memory *m, struct pack_block *b, size_t size,
		      struct err *e) MUST_CHECK;
void pack_block_free(struct pack_memory *m, struct pack_block *b);

/* Whether the budget has so much left at the moment. */
bool pack_memory_has(const struct pack_memory *m, size_t size);

#endif
