/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on directory trees by descriptor, so that no symbolic link is followed: another user
 * of the volume may replace a directory by a link at any moment.
 */
#ifndef CLONE_TARGET_TREE_H
#define CLONE_TARGET_TREE_H

#include <dirent.h>

#include "clone/failure.h"

/* Opens the directory `name` in `at` (or AT_FDCWD with a path) without following a link. -1 with
 * errno. */
int tree_open(int at, const char *name);

/* Opens it likewise to read its entries. NULL with errno. */
DIR *tree_list(int at, const char *name);
bool tree_is_dot(const char *name); /* "." or ".." */

/* Removes the directory `name` in `at` recursively. False with errno. */
bool tree_remove(int at, const char *name);

/*
 * Gives group and others the owner's permissions except `mask`, recursively in the directory `name`
 * in `at`: libgit2 creates files as 0644 and 0755 whatever the umask. False with errno. Changes the
 * working directory of the process meanwhile.
 */
bool tree_share(int at, const char *name, mode_t mask);

#endif
