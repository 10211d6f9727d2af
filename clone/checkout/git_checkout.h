/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks out HEAD.
 */
#ifndef CLONE_CHECKOUT_GIT_CHECKOUT_H
#define CLONE_CHECKOUT_GIT_CHECKOUT_H

#include "clone/git/git_steps.h"

/* Whether the files can be written with several threads: whether the file system has permissions,
 * links and case, and the trees are sorted. */
bool git_checkout_can_write(const struct transfer *t) MUST_CHECK;

/* Does nothing if HEAD names no commit. */
bool git_checkout_run(struct transfer *t) MUST_CHECK;

#endif
