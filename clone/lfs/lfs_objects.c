/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted array.
 */
#include "clone/lfs/lfs_objects.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	const struct lfs_object *x = a;
	const struct lfs_object *y = b;

	return lfs_pointer_compare(&x->pointer, &y->pointer);
}

uint64_t
lfs_objects_sum(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

bool
lfs_objects_add(struct lfs_objects *o, const struct lfs_pointer *p)
{
	if (o->count == o->size) {
		size_t larger = o->size == 0 ? 64 : 2 * o->size;
		void *grown = reallocarray(o->items, larger, sizeof(*o->items));

		if (grown == NULL)
			return false;
		o->items = grown;
		o->size = larger;
	}
	o->items[o->count++] = (struct lfs_object){.pointer = *p, .state = LFS_WANTED};
	return true;
}

void
lfs_objects_sort(struct lfs_objects *o)
{
	size_t kept = 0;

	if (o->count > 0)
		qsort(o->items, o->count, sizeof(*o->items), compare);
	o->bytes = 0;
	for (size_t i = 0; i < o->count; i++) {
		if (kept > 0 && compare(&o->items[kept - 1], &o->items[i]) == 0)
			continue;
		o->items[kept++] = o->items[i];
		o->bytes = lfs_objects_sum(o->bytes, o->items[i].pointer.size);
	}
	o->count = kept;
}

struct lfs_object *
lfs_objects_find(const struct lfs_objects *o, const struct lfs_pointer *p)
{
	const struct lfs_object wanted = {.pointer = *p};

	if (o->count == 0)
		return NULL;
	return bsearch(&wanted, o->items, o->count, sizeof(*o->items), compare);
}

size_t
lfs_objects_count(const struct lfs_objects *o, enum lfs_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < o->count; i++)
		count += o->items[i].state == state;
	return count;
}

void
lfs_objects_fini(struct lfs_objects *o)
{
	free(o->items);
	*o = (struct lfs_objects){.items = NULL};
}
