/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connectivity check: records which objects trees, commits and tags refer to (except submodule
 * commits) while they are in memory, and checks at the end that all of them are in the pack.
 */
#ifndef CLONE_PACK_PACK_LINKS_H
#define CLONE_PACK_PACK_LINKS_H

#include "base/str.h"
#include "clone/pack/pack.h"

struct pack_links;

/* Per-thread state: a cache of recently recorded ids, since versions of a tree share most entries.
 */
struct pack_links_writer;

/* The table must outlive it. */
struct pack_links *pack_links_new(const struct pack_table *table, struct err *e) MUST_CHECK;
void pack_links_free(struct pack_links *l);

/* Sets the commits whose parents may be missing: hex ids, one per line. Must be called before the
 * first object is added. */
bool pack_links_set_shallow(struct pack_links *l, struct str lines, struct err *e) MUST_CHECK;

/* With links NULL the writer records nothing. NULL: no memory. */
struct pack_links_writer *pack_links_writer_new(struct pack_links *l);
void pack_links_writer_free(struct pack_links_writer *w);

/* Records the references of a whole object whose id is in the entry. Fails for a malformed object,
 * and as soon as more objects are referenced than the pack declares. */
bool pack_links_add(struct pack_links_writer *w, const struct pack_entry *entry,
		    const uint8_t *data, size_t len, struct err *e) MUST_CHECK;

/* After all objects have been added: whether every referenced object is present. */
bool pack_links_check(struct pack_links *l, struct err *e) MUST_CHECK;

#endif
