/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees, handled by descriptors so that no symbolic link is ever followed: whoever shares
 * the volume may swap a directory for a link at any moment.
 */
#ifndef CLONE_TREE_H
#define CLONE_TREE_H

#include "clone/failure.h"

/* Opens the directory `name` in `at` (AT_FDCWD with a path is fine), a link is not followed. -1
 * with errno. */
int tree_open(int at, const char *name);

/* Removes the directory `name` in `at` with all that is in it. False with errno. */
bool tree_remove(int at, const char *name);

/*
 * Moves every entry of directory `from` into directory `to` on the same file system, ".git" last,
 * so that `to` is a repository only once it is complete. Replaces nothing: where a name is taken,
 * what was moved goes back and the failure is CLONE_PROBLEM_NOT_EMPTY.
 */
bool tree_move_up(int from, int to, struct clone_failure *f) MUST_CHECK;

#endif
