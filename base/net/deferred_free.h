/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frees objects after the current callback has returned, so that every function on the stack may
 * still access an object that a function below it has released.
 */
#ifndef BASE_NET_DEFERRED_FREE_H
#define BASE_NET_DEFERRED_FREE_H

#include "base/list.h"
#include "base/net/loop.h"

struct deferred_free_entry {
	SLIST_ENTRY(deferred_free_entry) entry;
	void (*free_fn)(struct deferred_free_entry *entry); /* NULL: not waiting */
};

struct deferred_free_queue {
	struct loop_defer defer;
	SLIST_HEAD(, deferred_free_entry) entries;
};

void deferred_free_init(struct deferred_free_queue *r, struct loop *l);
void deferred_free_fini(struct deferred_free_queue *r); /* frees all that wait */

/* Frees an object later, once: free_fn runs from the loop, or from deferred_free_fini. */
void deferred_free_add(struct deferred_free_queue *r, struct deferred_free_entry *entry,
		       void (*free_fn)(struct deferred_free_entry *));

static inline bool
deferred_free_is_due(const struct deferred_free_entry *entry)
{
	return entry->free_fn != NULL;
}

#endif
