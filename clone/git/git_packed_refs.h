/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the refs of a fresh clone as one packed-refs file.
 */
#ifndef CLONE_GIT_GIT_PACKED_REFS_H
#define CLONE_GIT_GIT_PACKED_REFS_H

#include "clone/git/git_steps.h"

bool git_packed_refs_write(struct transfer *t) MUST_CHECK;

#endif
