/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which scopes a token needs for our requests to GitLab.
 */
#ifndef AUTH_GITLAB_GITLAB_SCOPE_H
#define AUTH_GITLAB_GITLAB_SCOPE_H

#include "base/str.h"

/* Whether this scope is among the granted ones (separated by spaces). */
bool gitlab_has_scope(struct str granted, struct str wanted);

/* The narrowest scope that is missing among the granted ones (separated by spaces) for these
 * authorization modes (enum auth_mode); NULL: they suffice. */
const char *gitlab_scope_missing(struct str granted, unsigned modes);

#endif
