/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a pack (gitformat-pack, version 2), byte for byte what `git index-pack` writes.
 */
#ifndef CLONE_PACK_PACK_INDEX_H
#define CLONE_PACK_PACK_INDEX_H

#include "clone/pack/pack.h"

enum pack_index_result {
	PACK_INDEX_WRITTEN,
	PACK_INDEX_DUPLICATE, /* the pack holds an object twice */
	PACK_INDEX_FAILED,
};

/* Writes the index. All entries must have their ids. */
enum pack_index_result pack_index_write(const struct pack_table *t, int fd,
					struct err *e) MUST_CHECK;

#endif
