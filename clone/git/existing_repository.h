/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspects a repository that exists at the target: a clone of ours, of another one, or one that
 * cannot be opened. Never changes it.
 */
#ifndef CLONE_GIT_EXISTING_REPOSITORY_H
#define CLONE_GIT_EXISTING_REPOSITORY_H

#include "clone/failure.h"

enum existing_repository {
	EXISTING_SAME,	     /* has the configured repository as a remote, or has no remotes */
	EXISTING_OTHER,	     /* cloned from elsewhere */
	EXISTING_UNREADABLE, /* cannot be opened: other owner, unknown format, damaged */
};

/* reason: why it cannot be opened or does not match, for the log. */
enum existing_repository existing_repository_check(const struct clone_settings *settings,
						   struct err *reason);

#endif
