/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLONE_MARKER: the file that says that a clone is done, as GitLab's own workspaces have it.
 */
#ifndef CLONE_TARGET_MARKER_H
#define CLONE_TARGET_MARKER_H

#include "clone/clone.h"

/* False as well when there is no such setting. */
bool marker_is_there(const struct clone_settings *settings);

/* The clone is there, with or without it: failing is a warning in the log. */
void marker_write(const struct clone_settings *settings);

#endif
