/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audiences of ports: their names, their order, and what they take.
 */
#ifndef AUTH_SHARE_AUDIENCE_H
#define AUTH_SHARE_AUDIENCE_H

#include "auth/auth_share.h"
#include "base/arena.h"

/* See auth_audience_name and auth_audience_parse. */
const char *audience_name(enum auth_audience audience);
bool audience_parse(struct str name, enum auth_audience *audience) MUST_CHECK;

/* Whether one audience is of a higher rank than another. */
bool audience_is_wider(enum auth_audience a, enum auth_audience than);

/* See auth_may_share_with. */
bool audience_is_available(const struct auth_settings *settings, enum auth_audience audience);

/* The authorization mode that lets its guests in; 0: it has no guests. */
unsigned audience_mode(enum auth_audience audience);

/* The fewest of the scopes in the settings that suffice for signing its guests in, separated by
 * spaces. */
const char *audience_scope(const struct auth_settings *settings, enum auth_audience audience,
			   struct arena *arena);

#endif
