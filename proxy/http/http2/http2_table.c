/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page by itself: nothing else is in it that giving it back could erase.
 */
#include "proxy/http/http2/http2_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
http2_table_rest(void *table)
{
	size_t size = http2_table_size();

	if (is_zero(table, size))
		(void)madvise(table, size, MADV_DONTNEED);
}
