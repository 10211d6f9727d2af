/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees, handled by descriptors so that no symbolic link is ever followed: whoever shares
 * the volume may swap a directory for a link at any moment.
 */
#ifndef CLONE_TARGET_TREE_H
#define CLONE_TARGET_TREE_H

#include "clone/failure.h"

/* Opens the directory `name` in `at` (AT_FDCWD with a path is fine), a link is not followed. -1
 * with errno. */
int tree_open(int at, const char *name);

/* Removes the directory `name` in `at` with all that is in it. False with errno. */
bool tree_remove(int at, const char *name);

/*
 * Gives group and others what the owner may, except for `mask`, in the directory `name` in `at` and
 * all that is in it: libgit2 writes files as 0644 and 0755, whatever the umask would let through.
 * False with errno. Changes the process's working directory meanwhile.
 */
bool tree_share(int at, const char *name, mode_t mask);

#endif
