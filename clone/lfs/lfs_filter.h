/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which LFS files the repository wants to be fetched: lfs.fetchinclude and lfs.fetchexclude of its
 * .lfsconfig (git-lfs-fetch(1), "Include and exclude"). Nothing else of that file is read.
 */
#ifndef CLONE_LFS_LFS_FILTER_H
#define CLONE_LFS_LFS_FILTER_H

#include "base/str.h"

#define LFS_FILTER_MAX_BYTES	 65536u
#define LFS_FILTER_PATTERN_BYTES 1024u /* longer ones match nothing */
/* Limit for all files of a tree: some seconds, enough for a million files and a dozen patterns. */
#define LFS_FILTER_STEPS (1ull << 30)

struct lfs_filter {
	/* Patterns of .gitignore, separated by commas; empty: no restriction. */
	struct buf include, exclude;
	uint64_t steps_left; /* of LFS_FILTER_STEPS; 0: used up, no file is wanted */
};

void lfs_filter_init(struct lfs_filter *f);
void lfs_filter_fini(struct lfs_filter *f);

/* Reads a .lfsconfig. The last value counts; ignores values that are too long. */
void lfs_filter_read(struct lfs_filter *f, struct str text);

/* Whether to fetch the file with this relative path. */
bool lfs_filter_wants(struct lfs_filter *f, struct str path);

#endif
