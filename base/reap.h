/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frees objects after the current callback has returned, so that every function on the stack may
 * still look at an object that was given up below it.
 */
#ifndef BASE_REAP_H
#define BASE_REAP_H

#include "base/loop.h"

struct reap_entry {
	struct reap_entry *next;
	void (*free_fn)(struct reap_entry *entry); /* NULL: not given up */
};

struct reaper {
	struct loop_defer defer;
	struct reap_entry *entries;
};

void reaper_init(struct reaper *r, struct loop *l);
void reaper_fini(struct reaper *r); /* frees what waits */

/* Once per entry: free_fn runs from the loop, or from reaper_fini. */
void reap_later(struct reaper *r, struct reap_entry *entry, void (*free_fn)(struct reap_entry *));

static inline bool
reap_is_due(const struct reap_entry *entry)
{
	return entry->free_fn != NULL;
}

#endif
