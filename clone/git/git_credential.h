/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configures git's credential helper in a fresh clone.
 */
#ifndef CLONE_GIT_GIT_CREDENTIAL_H
#define CLONE_GIT_GIT_CREDENTIAL_H

#include "clone/git/git_steps.h"

/* Sets credential.<origin>.helper of the repository to request->helper, if there is one. */
bool git_credential_configure(struct transfer *t) MUST_CHECK;

#endif
