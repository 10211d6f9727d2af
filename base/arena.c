/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain of blocks that are filled from their start. Text is packed without alignment; everything
 * else is aligned for any type. Padding counts as allocated, so that the maximum bounds memory.
 * Allocated memory is wiped when it is freed, because request heads contain cookies.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/free_list.h"
#include "base/wipe.h"

/* The block header, the block and malloc's own header fill one page. */
#define BLOCK_BYTES (4096u - 64u)
/* Larger allocations get a block of their own, so that the rest of the current block is not
 * lost. */
#define LARGE_BYTES   (BLOCK_BYTES / 4)
#define FREE_LIST_MAX 32

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char data[];
};

/* Freed blocks of BLOCK_BYTES, kept for the next arenas of this thread. */
static _Thread_local struct free_list free_list =
	FREE_LIST_INIT(sizeof(struct arena_block) + BLOCK_BYTES, FREE_LIST_MAX);

void
arena_init(struct arena *a, size_t max_bytes)
{
	*a = (struct arena){.max = max_bytes};
}

static void
free_blocks(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *next = block->next;

		wipe_bytes(block->data, block->used);
		if (block->size == BLOCK_BYTES)
			free_list_give(&free_list, block);
		else
			free(block);
		block = next;
	}
}

void
arena_fini(struct arena *a)
{
	free_blocks(a->blocks);
	arena_init(a, a->max);
}

void
arena_reset(struct arena *a)
{
	if (a->blocks != NULL) {
		free_blocks(a->blocks->next);
		wipe_bytes(a->blocks->data, a->blocks->used);
		a->blocks->next = NULL;
		a->blocks->used = 0;
	}
	a->used = 0;
}

/* Adds a block with room for size bytes to the chain: a large one behind the current block, any
 * other in front of it. */
static struct arena_block *
add_block(struct arena *a, size_t size)
{
	bool is_large = size > LARGE_BYTES;
	size_t bytes = is_large ? size : BLOCK_BYTES;
	struct arena_block *block;

	if (bytes > SIZE_MAX - sizeof(*block))
		return NULL;
	block = is_large ? malloc(sizeof(*block) + bytes) : free_list_take(&free_list);
	if (block == NULL)
		return NULL;
	block->size = bytes;
	block->used = 0;
	if (is_large && a->blocks != NULL) {
		block->next = a->blocks->next;
		a->blocks->next = block;
	} else {
		block->next = a->blocks;
		a->blocks = block;
	}
	return block;
}

/* Returns the bytes to skip so that the next allocation is aligned; alignment is a power of two. */
static size_t
padding(const struct arena_block *block, size_t alignment)
{
	return (0 - block->used) & (alignment - 1);
}

/* Allocates size bytes, which are not zeroed. NULL: out of memory, or the arena's maximum. */
static char *
take(struct arena *a, size_t size, size_t alignment)
{
	struct arena_block *block = a->blocks;
	size_t pad = 0;
	char *data;

	if (size == 0)
		size = 1;
	if (size > a->max - a->used)
		return NULL;
	if (block != NULL)
		pad = padding(block, alignment);
	if (block == NULL || pad > block->size - block->used ||
	    size > block->size - block->used - pad) {
		pad = 0;
		block = add_block(a, size);
	}
	if (block == NULL || pad > a->max - a->used - size)
		return NULL;
	data = block->data + block->used + pad;
	block->used += pad + size;
	a->used += pad + size;
	return data;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	char *data = take(a, size, alignof(max_align_t));

	return data == NULL ? NULL : memset(data, 0, size);
}

void *
arena_alloc_array(struct arena *a, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(a, total);
}

char *
arena_dup_two(struct arena *a, struct str first, struct str second)
{
	size_t len;
	char *copy;

	if (__builtin_add_overflow(first.len, second.len, &len) || len == SIZE_MAX)
		return NULL;
	copy = take(a, len + 1, 1);
	if (copy == NULL)
		return NULL;
	if (first.len > 0)
		memcpy(copy, first.data, first.len);
	if (second.len > 0)
		memcpy(copy + first.len, second.data, second.len);
	copy[len] = '\0';
	return copy;
}

char *
arena_dup(struct arena *a, struct str s)
{
	return arena_dup_two(a, s, STR_NONE);
}

char *
arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = len < 0 ? NULL : take(a, (size_t)len + 1, 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	(void)vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
