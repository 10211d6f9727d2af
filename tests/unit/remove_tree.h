/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes a test's directory with everything in it.
 */
#ifndef TESTS_UNIT_REMOVE_TREE_H
#define TESTS_UNIT_REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int
remove_tree_entry(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(name);
}

/* 0 on success, like nftw; links are removed, not followed. */
static inline int
remove_tree(const char *directory)
{
	return nftw(directory, remove_tree_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
