/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The LFS objects that a tree needs, each once.
 */
#ifndef CLONE_LFS_LFS_OBJECTS_H
#define CLONE_LFS_LFS_OBJECTS_H

#include "clone/lfs/lfs_pointer.h"

enum lfs_state { LFS_WANTED, LFS_DONE, LFS_FAILED };

struct lfs_object {
	struct lfs_pointer pointer;
	enum lfs_state state;
};

struct lfs_objects { /* initially zeroed */
	struct lfs_object *items;
	size_t count, size;
	uint64_t bytes; /* of all objects, each once; UINT64_MAX: more */
};

/* False: out of memory. */
bool lfs_objects_add(struct lfs_objects *o, const struct lfs_pointer *p) MUST_CHECK;

/* Removes duplicates and computes the sum. Call it before lfs_objects_find. */
void lfs_objects_sort(struct lfs_objects *o);

/* NULL: there is none. */
struct lfs_object *lfs_objects_find(const struct lfs_objects *o, const struct lfs_pointer *p);

size_t lfs_objects_count(const struct lfs_objects *o, enum lfs_state state);

void lfs_objects_fini(struct lfs_objects *o);

/* Adds; UINT64_MAX on overflow. */
uint64_t lfs_objects_sum(uint64_t a, uint64_t b);

#endif
