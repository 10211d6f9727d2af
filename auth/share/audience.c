/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of audiences: name, rank, and the question to GitLab that decides who belongs to it.
 */
#include "auth/share/audience.h"

#include "auth/gitlab/gitlab_scope.h"
#include "base/arena.h"

struct audience {
	const char *name;
	unsigned rank;
	unsigned mode;
};

static const struct audience audiences[AUTH_AUDIENCES] = {
	[AUTH_AUDIENCE_OWNER] = {"owner", 0, 0},
	[AUTH_AUDIENCE_PROJECT] = {"project", 1, AUTH_MODE_PROJECT},
	[AUTH_AUDIENCE_GROUP] = {"group", 1, AUTH_MODE_GROUP},
	[AUTH_AUDIENCE_USERS] = {"users", 1, AUTH_MODE_USERS},
	[AUTH_AUDIENCE_GITLAB] = {"gitlab", 2, AUTH_MODE_ANYBODY},
	[AUTH_AUDIENCE_PUBLIC] = {"public", 3, 0},
};

const char *
audience_name(enum auth_audience audience)
{
	return audiences[audience].name;
}

bool
audience_parse(struct str name, enum auth_audience *audience)
{
	for (unsigned i = 0; i < AUTH_AUDIENCES; i++) {
		if (str_equal(name, str_from(audiences[i].name))) {
			*audience = (enum auth_audience)i;
			return true;
		}
	}
	return false;
}

bool
audience_is_wider(enum auth_audience a, enum auth_audience than)
{
	return audiences[a].rank > audiences[than].rank;
}

unsigned
audience_mode(enum auth_audience audience)
{
	return audiences[audience].mode;
}

bool
audience_is_available(const struct auth_settings *settings, enum auth_audience audience)
{
	unsigned mode = audiences[audience].mode;

	if (audience_is_wider(audience, settings->port_sharing_max))
		return false;
	if (audience == AUTH_AUDIENCE_PROJECT && settings->project == NULL)
		return false;
	return mode == 0 || gitlab_scope_missing(str_from(settings->scope), mode) == NULL;
}

/* The narrowest scope of the settings with which GitLab answers for this mode. */
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
	struct str found = find_scope(scopes, audiences[audience].mode);

	return arena_printf(arena, "%s%.*s",
			    gitlab_has_scope(scopes, STR("openid")) ? "openid " : "",
			    STR_FMT(found));
}
