/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a finished clone, entry by entry, into a directory that must be kept (a mount point).
 * ".git" comes last, so that the directory is a repository only once it is complete.
 *
 * A journal is written before the first entry is moved: the next run completes or rolls back what a
 * killed run began. Never replaces an existing entry, and rolls back only what it moved.
 */
#ifndef CLONE_TARGET_TARGET_MOVE_H
#define CLONE_TARGET_TARGET_MOVE_H

#include "clone/failure.h"

#define TARGET_MOVE_TREE "tree"

/* Moves all entries of TARGET_MOVE_TREE in `temporary` to `to`, on the same file system. If a name
 * is taken, it rolls back and fails with CLONE_PROBLEM_NOT_EMPTY. */
bool target_move_run(int temporary, int to, struct clone_failure *f) MUST_CHECK;

/* Completes the move of a killed run. Does nothing without a journal; rolls back if a name is
 * taken. */
bool target_move_resume(int temporary, int to, struct clone_failure *f) MUST_CHECK;

/* Removes TARGET_MOVE_TREE and the journal. False: entries remain for the next run, or an error
 * with errno. */
bool target_move_clean_up(int temporary);

#endif
