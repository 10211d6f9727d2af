/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization mode by which GitLab is asked who belongs to an audience.
 */
#include "auth/share/audience.h"

#include "auth/gitlab/gitlab_scope.h"
#include "base/arena.h"

static const unsigned modes[AUTH_AUDIENCES] = {
	[AUTH_AUDIENCE_PROJECT] = AUTH_MODE_PROJECT,
	[AUTH_AUDIENCE_GROUP] = AUTH_MODE_GROUP,
	[AUTH_AUDIENCE_USERS] = AUTH_MODE_USERS,
	[AUTH_AUDIENCE_GITLAB] = AUTH_MODE_ANYBODY,
};

unsigned
audience_mode(enum auth_audience audience)
{
	return modes[audience];
}

bool
audience_is_available(const struct auth_settings *settings, enum auth_audience audience)
{
	unsigned mode = modes[audience];

	if (auth_audience_is_wider(audience, settings->port_sharing_max))
		return false;
	if (audience == AUTH_AUDIENCE_PROJECT && settings->project == NULL)
		return false;
	return mode == 0 || gitlab_scope_missing(str_from(settings->scope), mode) == NULL;
}

/* Returns the narrowest scope of the settings that is enough for this mode. */
static struct str
find_scope(struct str scopes, unsigned mode)
{
	static const char *const narrowest_first[] = {"read_user", "read_api", "api"};

	for (size_t i = 0; i < sizeof(narrowest_first) / sizeof(narrowest_first[0]); i++) {
		struct str wanted = str_from(narrowest_first[i]);

		if (gitlab_has_scope(scopes, wanted) && gitlab_scope_missing(wanted, mode) == NULL)
			return wanted;
	}
	return STR_NONE;
}

const char *
audience_scope(const struct auth_settings *settings, enum auth_audience audience,
	       struct arena *arena)
{
	struct str scopes = str_from(settings->scope);
	struct str found = find_scope(scopes, modes[audience]);

	return arena_printf(arena, "%s%.*s",
			    gitlab_has_scope(scopes, STR("openid")) ? "openid " : "",
			    STR_FMT(found));
}
