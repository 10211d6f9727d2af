/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the objects of a pack name: trees their files and folders (submodules live elsewhere),
 * commits their tree and parents, tags what they are for. Noted while the objects are in memory
 * anyway; at the end all of it must be in the pack, or the server has left something out.
 */
#ifndef CLONE_PACK_PACK_LINKS_H
#define CLONE_PACK_PACK_LINKS_H

#include "base/str.h"
#include "clone/pack/pack.h"

struct pack_links;

/* Remembers what its thread noted lately: versions of a tree name mostly the same. */
struct pack_links_writer;

/* NULL: no memory. The table outlives it. */
struct pack_links *pack_links_new(const struct pack_table *table, struct err *e) MUST_CHECK;
void pack_links_free(struct pack_links *l);

/* Commits whose parents are not expected: ids in hex, a line each. Before any object comes. */
bool pack_links_set_shallow(struct pack_links *l, struct str lines, struct err *e) MUST_CHECK;

/* With links NULL, the writer notes nothing. NULL: no memory. */
struct pack_links_writer *pack_links_writer_new(struct pack_links *l);
void pack_links_writer_free(struct pack_links_writer *w);

/* One object, whole, with its id in the entry. Fails for one that can't be read, and as soon as
 * more is named than the pack declares to hold. */
bool pack_links_add(struct pack_links_writer *w, const struct pack_entry *entry,
		    const uint8_t *data, size_t len, struct err *e) MUST_CHECK;

/* When all objects have been added and have ids: whether all that is named is there. */
bool pack_links_check(struct pack_links *l, struct err *e) MUST_CHECK;

#endif
