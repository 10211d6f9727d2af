/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a pack's objects.
 */
#include "clone/pack/pack.h"

#include <stdlib.h>

bool
pack_table_init(struct pack_table *t, struct err *e)
{
	*t = (struct pack_table){.segments = calloc(PACK_SEGMENTS, sizeof(struct pack_entry *))};
	return t->segments != NULL || err_set(e, ERR_MEMORY, "out of memory for the pack's table");
}

void
pack_table_fini(struct pack_table *t)
{
	for (uint32_t i = 0; t->segments != NULL && i < PACK_SEGMENTS; i++)
		free(t->segments[i]);
	free(t->segments);
	t->segments = NULL;
}

struct pack_entry *
pack_table_add(struct pack_table *t, struct err *e)
{
	struct pack_entry **segment;
	struct pack_entry *entry;

	if (t->count >= t->declared || t->count >= PACK_OBJECTS_MAX) {
		err_set(e, ERR_PROTOCOL, "more objects than the pack declares");
		return NULL;
	}
	segment = &t->segments[t->count >> PACK_SEGMENT_BITS];
	if (*segment == NULL)
		*segment = calloc(PACK_SEGMENT_ENTRIES, sizeof(**segment));
	if (*segment == NULL) {
		err_set(e, ERR_MEMORY, "out of memory for the pack's table");
		return NULL;
	}
	entry = pack_at(t, t->count++);
	entry->base = PACK_NONE;
	entry->first_child = PACK_NONE;
	entry->next_sibling = PACK_NONE;
	return entry;
}

uint32_t
pack_table_find(const struct pack_table *t, uint64_t offset)
{
	uint32_t low = 0;
	uint32_t high = t->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t found = pack_at(t, middle)->offset;

		if (found == offset)
			return middle;
		if (found < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return PACK_NONE;
}

uint64_t
pack_table_length(const struct pack_table *t, uint32_t index)
{
	uint64_t end = index + 1 < t->count ? pack_at(t, index + 1)->offset : t->end;

	return end - pack_at(t, index)->offset;
}
