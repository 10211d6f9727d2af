/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLONE_MARKER: a file whose presence means that the clone is complete, as in GitLab workspaces.
 */
#ifndef CLONE_TARGET_MARKER_H
#define CLONE_TARGET_MARKER_H

#include "clone/clone.h"

/* Whether CLONE_MARKER is set and exists. */
bool marker_is_there(const struct clone_settings *settings);

/* Creates CLONE_MARKER; logs a failure as a warning. */
void marker_write(const struct clone_settings *settings);

#endif
