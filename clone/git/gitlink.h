/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two paths that link a submodule's work tree and its git directory.
 */
#ifndef CLONE_GIT_GITLINK_H
#define CLONE_GIT_GITLINK_H

#include "clone/git/git_steps.h"

/* Writes them as git does, after libgit2, which ends them in '/': core.worktree, and the .git file
 * of the work tree at request->into. */
bool gitlink_tidy(struct transfer *t) MUST_CHECK;

#endif
