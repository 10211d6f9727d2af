/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A free list of blocks of one size, for objects that are allocated for each request: keeps a
 * bounded number of freed blocks, because malloc is slow for sizes above its per-thread cache.
 *
 * With sanitizers nothing is kept, so that a use after free is found.
 */
#ifndef BASE_FREE_LIST_H
#define BASE_FREE_LIST_H

#include <stdlib.h>

#include "base/err.h"

struct free_block {
	struct free_block *next;
};

struct free_list {
	struct free_block *first;
	size_t size; /* bytes of each block */
	unsigned count;
	unsigned max; /* that are kept */
};

#ifdef SANITIZED
#define FREE_LIST_INIT(bytes, most)                                                                \
	{                                                                                          \
		.size = (bytes), .max = 0                                                          \
	}
#else
#define FREE_LIST_INIT(bytes, most)                                                                \
	{                                                                                          \
		.size = (bytes), .max = (most)                                                     \
	}
#endif

/* Returns a block, which is not zeroed. NULL: out of memory. */
static inline void *MUST_CHECK
free_list_take(struct free_list *s)
{
	struct free_block *block = s->first;

	if (block == NULL)
		return malloc(s->size);
	s->first = block->next;
	s->count--;
	return block;
}

/* Returns a block of free_list_take, which must not contain secrets. */
static inline void
free_list_give(struct free_list *s, void *data)
{
	struct free_block *block = data;

	if (s->count >= s->max) {
		free(block);
		return;
	}
	block->next = s->first;
	s->first = block;
	s->count++;
}

#endif
