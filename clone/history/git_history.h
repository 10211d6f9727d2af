/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches the history that a clone with a depth left out, while users work in the repository.
 */
#ifndef CLONE_HISTORY_GIT_HISTORY_H
#define CLONE_HISTORY_GIT_HISTORY_H

#include "clone/git/git_request.h"

/* Receives all history, branches and tags of request->target_dir, a shallow clone that history_mark
 * has marked. Reports the phases up to CLONE_RESOLVING. */
bool git_history_run(const struct git_request *request, struct clone_failure *f) MUST_CHECK;

#endif
