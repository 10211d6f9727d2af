/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other webhooks of the operator may add to our containers (INJECT_TOLERATE): a
 * comma-separated list of environment variables, whose names may end in "*", and of mount paths.
 */
#ifndef CONTAINER_INJECT_VALUE_TOLERANCE_H
#define CONTAINER_INJECT_VALUE_TOLERANCE_H

#include "base/str.h"

/* False for entries that could change what our program does: LD_*, WORKSPACE_PROXY_*, /usr. */
bool tolerance_is_valid(struct str list);

/* list may be NULL. */
bool tolerance_has_variable(const char *list, struct str name);
bool tolerance_has_mount(const char *list, struct str path);

#endif
