/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to the remote and fetches its objects.
 */
#ifndef CLONE_GIT_GIT_FETCH_H
#define CLONE_GIT_GIT_FETCH_H

#include "clone/git/git_steps.h"

/* Connects and lists the remote's refs. */
bool git_fetch_connect(struct transfer *t) MUST_CHECK;

/* Fetches what the request asks for and writes the refs. */
bool git_fetch_run(struct transfer *t) MUST_CHECK;

#endif
