/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the branch, tag or commit to check out, and writes HEAD and the tracking configuration.
 */
#ifndef CLONE_GIT_GIT_REFS_H
#define CLONE_GIT_GIT_REFS_H

#include "clone/git/git_steps.h"

/* Chooses what HEAD will be from the refs of the remote. For an empty remote, sets nothing. */
bool git_refs_choose(struct transfer *t) MUST_CHECK;

/* Sets HEAD, the branch that it names and what that branch tracks, as `git clone` does; in a bare
 * repository only the remote's HEAD. */
bool git_refs_set(struct transfer *t) MUST_CHECK;

#endif
