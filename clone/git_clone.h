/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones one repository with libgit2 into an empty directory. Blocks; the worker calls it.
 *
 * Reads no configuration but the repository's own, runs no hooks and no external filters, follows
 * no redirect to another origin, and leaves no credential behind.
 */
#ifndef CLONE_GIT_CLONE_H
#define CLONE_GIT_CLONE_H

#include "clone/git/git_request.h"

/* Clones like `git clone --branch ref`: to a branch that tracks origin's, or a detached HEAD for a
 * tag. */
bool git_clone_run(const struct git_request *request, struct clone_failure *f) MUST_CHECK;

#endif
