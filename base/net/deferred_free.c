/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred frees: a list of entries and one deferred call of the loop.
 */
#include "base/net/deferred_free.h"

static void
free_entries(void *arg)
{
	struct deferred_free_queue *r = arg;

	while (!SLIST_EMPTY(&r->entries)) {
		struct deferred_free_entry *entry = SLIST_FIRST(&r->entries);
		SLIST_REMOVE_HEAD(&r->entries, entry);
		entry->free_fn(entry);
	}
}

void
deferred_free_init(struct deferred_free_queue *r, struct loop *l)
{
	SLIST_INIT(&r->entries);
	loop_defer_init(&r->defer, l, free_entries, r);
}

void
deferred_free_fini(struct deferred_free_queue *r)
{
	free_entries(r);
	loop_defer_fini(&r->defer);
}

void
deferred_free_add(struct deferred_free_queue *r, struct deferred_free_entry *entry,
		  void (*free_fn)(struct deferred_free_entry *))
{
	err_assert(!deferred_free_is_due(entry));
	entry->free_fn = free_fn;
	SLIST_INSERT_HEAD(&r->entries, entry, entry);
	loop_defer_call(&r->defer);
}
