/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones the submodules of the checked-out commit.
 */
#ifndef CLONE_GIT_SUBMODULES_H
#define CLONE_GIT_SUBMODULES_H

#include "clone/git/git_steps.h"

/* A submodule that cannot be cloned is logged and noted in the progress. */
void git_submodules_run(struct transfer *t);

#endif
