/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths at which volumes are mounted.
 */
#ifndef CONTAINER_INJECT_VALUE_MOUNT_PATH_H
#define CONTAINER_INJECT_VALUE_MOUNT_PATH_H

#include "base/str.h"

/* Absolute, without empty, "." and ".." components, and not "/". */
bool mount_path_is_valid(struct str path);

/* Whether path is the directory or below it. */
bool mount_path_is_within(struct str path, struct str directory);

/* Whether a volume there could replace files of our image or of the sidecar's volumes. */
bool mount_path_is_reserved(struct str path);

#endif
