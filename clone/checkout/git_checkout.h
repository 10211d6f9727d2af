/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks out HEAD.
 */
#ifndef CLONE_CHECKOUT_GIT_CHECKOUT_H
#define CLONE_CHECKOUT_GIT_CHECKOUT_H

#include "clone/git/git_steps.h"

/* Does nothing if HEAD names no commit. */
bool git_checkout_run(struct transfer *t) MUST_CHECK;

#endif
