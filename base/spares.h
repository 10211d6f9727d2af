/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of one size for objects that come and go with each request: a bounded number of freed ones
 * is kept, because malloc is slow for what is larger than its own caches take.
 *
 * With sanitizers nothing is kept, so that a use after free is found.
 */
#ifndef BASE_SPARES_H
#define BASE_SPARES_H

#include <stdlib.h>

#include "base/err.h"

struct spare {
	struct spare *next;
};

struct spares {
	struct spare *first;
	size_t size; /* bytes of each block */
	unsigned count;
	unsigned max; /* that are kept */
};

#ifdef SANITIZED
#define SPARES_INIT(bytes, most)                                                                   \
	{                                                                                          \
		.size = (bytes), .max = 0                                                          \
	}
#else
#define SPARES_INIT(bytes, most)                                                                   \
	{                                                                                          \
		.size = (bytes), .max = (most)                                                     \
	}
#endif

/* Returns a block, which is not zeroed. NULL: out of memory. */
static inline void *MUST_CHECK
spares_take(struct spares *s)
{
	struct spare *spare = s->first;

	if (spare == NULL)
		return malloc(s->size);
	s->first = spare->next;
	s->count--;
	return spare;
}

/* Returns a block of spares_take, which must not contain secrets. */
static inline void
spares_give(struct spares *s, void *block)
{
	struct spare *spare = block;

	if (s->count >= s->max) {
		free(block);
		return;
	}
	spare->next = s->first;
	s->first = spare;
	s->count++;
}

#endif
