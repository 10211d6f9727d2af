/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audiences of ports: who belongs to them, and which scopes that takes. Their names and ranks are
 * in auth/auth_share.h.
 */
#ifndef AUTH_SHARE_AUDIENCE_H
#define AUTH_SHARE_AUDIENCE_H

#include "auth/auth_share.h"
#include "base/arena.h"

/* See auth_may_share_with. */
bool audience_is_available(const struct auth_settings *settings, enum auth_audience audience);

/* Returns the authorization mode of its guests; 0: it has no guests. */
unsigned audience_mode(enum auth_audience audience);

/* Returns the fewest scopes of the settings that suffice for guests to sign in, separated by
 * spaces. */
const char *audience_scope(const struct auth_settings *settings, enum auth_audience audience,
			   struct arena *arena);

#endif
