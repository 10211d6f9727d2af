/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See reap.h: a list and one deferred call.
 */
#include "base/reap.h"

static void
free_entries(void *arg)
{
	struct reaper *r = arg;

	while (r->entries != NULL) {
		struct reap_entry *entry = r->entries;
		r->entries = entry->next;
		entry->free_fn(entry);
	}
}

void
reaper_init(struct reaper *r, struct loop *l)
{
	r->entries = NULL;
	loop_defer_init(&r->defer, l, free_entries, r);
}

void
reaper_fini(struct reaper *r)
{
	free_entries(r);
	loop_defer_fini(&r->defer);
}

void
reap_later(struct reaper *r, struct reap_entry *entry, void (*free_fn)(struct reap_entry *))
{
	err_assert(!reap_is_due(entry));
	entry->free_fn = free_fn;
	entry->next = r->entries;
	r->entries = entry;
	loop_defer_call(&r->defer);
}
