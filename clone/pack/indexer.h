/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes the packs that libgit2 receives: writes them to disk, parses them while they arrive,
 * resolves deltas on all cores and writes the index that `git index-pack` would write. Packs with
 * unusual features are left to libgit2's own indexer.
 *
 * Progress is reported through libgit2's callback on the receiving thread, at least ten times a
 * second while deltas are resolved.
 */
#ifndef CLONE_PACK_INDEXER_H
#define CLONE_PACK_INDEXER_H

#include <stddef.h>

#include "base/str.h"

struct git_odb;
struct git_repository;

struct indexer_options {
	size_t memory_max_bytes; /* memory for objects, without the table's 56 bytes per object */
	unsigned threads;	 /* 0: one per core */
	bool checks_links;	 /* check that every referenced object is present */
	/* Ids, one per line, of commits whose parents may be missing; or NULL. */
	const struct buf *shallow;
};

/*
 * Replaces the repository's object database, until indexer_remove, by one that accepts packs and
 * has no objects. libgit2 asks for each ref of the server whether its object exists, and would
 * search the disk each time. options must outlive it. Returns 0 or an error code of libgit2. Pass
 * *former to indexer_remove, which does nothing for NULL.
 */
int indexer_install(struct git_repository *repository, const struct indexer_options *options,
		    struct git_odb **former);
void indexer_remove(struct git_repository *repository, struct git_odb *former);

#endif
