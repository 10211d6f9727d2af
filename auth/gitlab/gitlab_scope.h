/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which scopes a token needs for our requests to GitLab.
 */
#ifndef AUTH_GITLAB_GITLAB_SCOPE_H
#define AUTH_GITLAB_GITLAB_SCOPE_H

#include "base/str.h"

/* Whether `wanted` is among the granted scopes, which are separated by spaces. */
bool gitlab_has_scope(struct str granted, struct str wanted);

/* Returns the narrowest scope that these authorization modes (enum auth_mode) need and that is not
 * granted (separated by spaces); NULL: the scopes suffice. */
const char *gitlab_scope_missing(struct str granted, unsigned modes);

#endif
