/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of Kubernetes objects in which "{name}" stands for the workspace's name.
 */
#ifndef CONTAINER_INJECT_VALUE_NAME_PATTERN_H
#define CONTAINER_INJECT_VALUE_NAME_PATTERN_H

#include "base/arena.h"

bool name_pattern_is_valid(struct str pattern);

/* Returns the pattern with the name filled in, in the arena. NULL: out of memory. */
const char *name_pattern_fill(const char *pattern, struct str name, struct arena *arena);

#endif
