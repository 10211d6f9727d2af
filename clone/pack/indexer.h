/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the packs that libgit2 receives for a repository: written to disk, read while they arrive,
 * deltas resolved on all cores, an index as `git index-pack` writes it. libgit2's own indexer gets
 * those that are unusual.
 *
 * Progress comes through libgit2's own callback, from the receiving thread, at least ten times a
 * second while deltas are resolved.
 */
#ifndef CLONE_PACK_INDEXER_H
#define CLONE_PACK_INDEXER_H

#include <stddef.h>

#include "base/str.h"

struct git_repository;

struct indexer_options {
	size_t memory_max_bytes; /* for objects; the table has 56 bytes for each on top */
	unsigned threads;	 /* 0: one for each core */
	bool checks_links;	 /* whether all that objects name must be there */
	/* Ids, one per line, of commits whose parents may be missing; or NULL. */
	const struct buf *shallow;
};

/* Plugs it in; options outlive the repository. An error code of libgit2, or 0. */
int indexer_install(struct git_repository *repository, const struct indexer_options *options);

#endif
