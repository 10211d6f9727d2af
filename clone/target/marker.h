/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLONE_MARKER: a file whose presence means that the clone is complete, as in GitLab workspaces.
 */
#ifndef CLONE_TARGET_MARKER_H
#define CLONE_TARGET_MARKER_H

#include "clone/clone.h"

/* False if CLONE_MARKER is not set. */
bool marker_is_there(const struct clone_settings *settings);

/* A failure is logged as a warning. */
void marker_write(const struct clone_settings *settings);

#endif
