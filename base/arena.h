/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is freed all at once: one arena per request, one per configuration.
 *
 * Allocations are aligned for any type, zeroed, and bounded in sum. Never put a secret here: see
 * base/secret.h.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* the newest first */
	size_t used;		    /* bytes handed out */
	size_t max;		    /* bytes this arena may hand out */
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_fini(struct arena *a);

/* Frees everything but one block, which is kept for the next use. */
void arena_reset(struct arena *a);

/* Returns zeroed memory. NULL: out of memory, or the arena's maximum is reached. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_alloc_array(struct arena *a, size_t count, size_t size) MUST_CHECK;

/* Return NUL-terminated copies. arena_dup_two joins two texts. */
char *arena_dup(struct arena *a, struct str s) MUST_CHECK;
char *arena_dup_two(struct arena *a, struct str first, struct str second) MUST_CHECK; /* joined */
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

#endif
