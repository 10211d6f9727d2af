/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The repository that stands at the target already: ours, another one, or one that git itself
 * would not open. Looks only; whatever it is, it is left alone.
 */
#ifndef CLONE_GIT_EXISTING_REPOSITORY_H
#define CLONE_GIT_EXISTING_REPOSITORY_H

#include "clone/failure.h"

enum existing_repository {
	EXISTING_SAME,	     /* a remote of it is what is to be cloned, or it has none */
	EXISTING_OTHER,	     /* cloned from elsewhere */
	EXISTING_UNREADABLE, /* does not open: of another user, of an unknown format, damaged */
};

/* reason: why it does not open, or where it comes from, for the log. */
enum existing_repository existing_repository_check(const struct clone_settings *settings,
						   struct err *reason);

#endif
