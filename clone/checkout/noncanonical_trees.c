/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted array, which is empty for nearly all repositories.
 */
#include "clone/checkout/noncanonical_trees.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, NONCANONICAL_TREES_ID_BYTES);
}

bool
noncanonical_trees_add(struct noncanonical_trees *o, const uint8_t id[NONCANONICAL_TREES_ID_BYTES])
{
	if (o->count == o->size) {
		size_t larger = o->size == 0 ? 16 : 2 * o->size;
		void *grown = reallocarray(o->ids, larger, sizeof(*o->ids));

		if (grown == NULL)
			return false;
		o->ids = grown;
		o->size = larger;
	}
	memcpy(o->ids[o->count++], id, NONCANONICAL_TREES_ID_BYTES);
	return true;
}

void
noncanonical_trees_sort(struct noncanonical_trees *o)
{
	if (o->count > 0)
		qsort(o->ids, o->count, sizeof(*o->ids), compare);
}

bool
noncanonical_trees_has(const struct noncanonical_trees *o,
		       const uint8_t id[NONCANONICAL_TREES_ID_BYTES])
{
	return o->count > 0 && bsearch(id, o->ids, o->count, sizeof(*o->ids), compare) != NULL;
}

void
noncanonical_trees_fini(struct noncanonical_trees *o)
{
	free(o->ids);
	*o = (struct noncanonical_trees){.ids = NULL};
}
