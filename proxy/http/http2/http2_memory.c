/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freed blocks are kept in lists by size. With many concurrent streams malloc's own caches, of
 * seven blocks per size, do not suffice.
 */
#include "proxy/http/http2/http2_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/wipe.h"

#define FRAME_BUFFER (9u + 1u + 16384u) /* where nghttp2 makes a frame, for as long as it lives */

/* Blocks of list i have at least LIST_STEP * i + LIST_LEAST bytes: the sizes that malloc makes. */
#define LIST_STEP  16u
#define LIST_LEAST 8u
#define LISTS	   64u
#ifdef SANITIZED
#define KEPT_MAX 0u /* so that a use after free is found */
#else
#define KEPT_MAX 65536u /* bytes in all lists */
#endif

struct block {
	struct block *next;
};

static _Thread_local struct block *lists[LISTS];
static _Thread_local size_t kept_bytes;

/*
 * One for all connections of a thread, because it is most of what an idle one would hold. Between
 * two calls of nghttp2_session_mem_send nothing in it is needed: http2_pump has copied what it was
 * given, and frames of DATA, which are made in it, are written before the call returns.
 */
static _Thread_local char frame_buffer[FRAME_BUFFER];

size_t
http2_table_size(void)
{
	static _Thread_local size_t size;

	if (size == 0)
		size = (size_t)sysconf(_SC_PAGESIZE);
	return size;
}

void *
http2_table_new(void)
{
	size_t size = http2_table_size();
	void *table = aligned_alloc(size, size);

	return table != NULL ? memset(table, 0, size) : NULL;
}

static bool
is_zero(const void *table, size_t size)
{
	const uint64_t *words = table;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i] != 0)
			return false;
	return true;
}

void
http2_table_trim(void *table)
{
	size_t size = http2_table_size();

	if (is_zero(table, size))
		(void)madvise(table, size, MADV_DONTNEED);
}

static void *
take_block(size_t size)
{
	size_t list = size <= LIST_LEAST ? 0 : (size - LIST_LEAST + LIST_STEP - 1) / LIST_STEP;

	if (list >= LISTS || lists[list] == NULL)
		return malloc(size);
	struct block *block = lists[list];
	lists[list] = block->next;
	kept_bytes -= malloc_usable_size(block);
	return block;
}

static void
give_block(void *memory, size_t size)
{
	struct block *block = memory;
	size_t list = (size - LIST_LEAST) / LIST_STEP;

	if (size < LIST_LEAST || list >= LISTS || kept_bytes + size > KEPT_MAX) {
		free(memory);
		return;
	}
	block->next = lists[list];
	lists[list] = block;
	kept_bytes += size;
}

static bool
is_within_limit(const struct http2 *h, size_t old, size_t size)
{
	return h->memory_bytes - old + size <= h->memory_max;
}

static void *
count(struct http2 *h, void *memory)
{
	h->memory_bytes += malloc_usable_size(memory);
	return memory;
}

static void *
on_malloc(size_t size, void *arg)
{
	return is_within_limit(arg, 0, size) ? count(arg, take_block(size)) : NULL;
}

static void
on_free(void *memory, void *arg)
{
	struct http2 *h = arg;
	size_t size;

	if (memory == frame_buffer || memory == NULL)
		return;
	if (memory == h->streams_table)
		h->streams_table = NULL;
	size = malloc_usable_size(memory);
	h->memory_bytes -= size;
	wipe_bytes(memory, size); /* heads of requests hold cookies */
	give_block(memory, size);
}

static void *
on_calloc(size_t members, size_t size, void *arg)
{
	struct http2 *h = arg;

	if (size > 0 && members > SIZE_MAX / size)
		return NULL;
	if (!is_within_limit(h, 0, members * size))
		return NULL;
	if (h->is_new && h->streams_table == NULL && members * size == http2_table_size())
		return count(h, h->streams_table = http2_table_new());
	void *memory = take_block(members * size);
	return memory != NULL ? count(h, memset(memory, 0, members * size)) : NULL;
}

static void *
on_realloc(void *before, size_t size, void *arg)
{
	struct http2 *h = arg;
	size_t old;

	if (before == NULL && size == FRAME_BUFFER && h->is_new) {
		h->is_new = false;
		return frame_buffer;
	}
	old = malloc_usable_size(before);
	if (before != NULL && size != 0 && size <= old && size >= old / 2)
		return before;
	if (!is_within_limit(h, old, size))
		return NULL;
	void *memory = take_block(size);
	if (memory == NULL)
		return NULL;
	if (before != NULL)
		memcpy(memory, before, old < size ? old : size);
	on_free(before, arg);
	return count(h, memory);
}

nghttp2_mem
http2_memory(struct http2 *h)
{
	return (nghttp2_mem){h, on_malloc, on_free, on_calloc, on_realloc};
}
