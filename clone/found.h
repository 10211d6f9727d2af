/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The repository that stands at the target already: ours, another one, or one that git itself
 * would not open. Looks only; whatever it is, it is left alone.
 */
#ifndef CLONE_FOUND_H
#define CLONE_FOUND_H

#include "clone/failure.h"

enum found_kind {
	FOUND_SAME,   /* a remote of it is what is to be cloned, or it has none */
	FOUND_OTHER,  /* cloned from elsewhere */
	FOUND_CLOSED, /* does not open: of another user, of an unknown format, damaged */
};

/* reason: why it does not open, or where it comes from, for the log. */
enum found_kind found_look(const struct clone_settings *settings, struct err *reason);

#endif
