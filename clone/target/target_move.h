/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a finished clone, entry by entry, into a directory that has to stay the one it is (a mount
 * point), ".git" last: the directory is a repository only once it is complete.
 *
 * A journal says what is to be moved, before the first entry is: a run that is killed in between is
 * finished or taken back by the next one. Replaces nothing, and takes back only what it moved.
 */
#ifndef CLONE_TARGET_TARGET_MOVE_H
#define CLONE_TARGET_TARGET_MOVE_H

#include "clone/failure.h"

#define TARGET_MOVE_TREE "tree"

/*
 * Moves all that is in the directory TARGET_MOVE_TREE in `temporary` up into `to`, which lies on
 * the same file system. Where a name is taken, what was moved goes back: CLONE_PROBLEM_NOT_EMPTY.
 */
bool target_move_run(int temporary, int to, struct clone_failure *f) MUST_CHECK;

/* Ends what a killed run began. Nothing happens without a journal, or where a name is taken: then
 * what was moved is back. */
bool target_move_resume(int temporary, int to, struct clone_failure *f) MUST_CHECK;

/* Removes TARGET_MOVE_TREE and the journal. False: there is still something to move or to take
 * back, and all has to stay for the next run; or with errno. */
bool target_move_settle(int temporary);

#endif
