/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audiences of ports, with the authorization mode by which GitLab is asked who belongs to each; and
 * names of GitLab's users, groups and projects in settings and in shares of ports. GitLab
 * interprets a number as an id, never as a path or a name.
 */
#include "auth/auth_share.h"
#include "auth/gitlab/gitlab_scope.h"
#include "base/arena.h"
#include "base/ascii.h"

#define USERNAME_MAX 255u

static const struct {
	const char *name;
	unsigned rank;
	unsigned mode; /* enum auth_mode; 0: it has no guests */
} audiences[AUTH_AUDIENCES] = {
	[AUTH_AUDIENCE_OWNER] = {"owner", 0, 0},
	[AUTH_AUDIENCE_PROJECT] = {"project", 1, AUTH_MODE_PROJECT},
	[AUTH_AUDIENCE_GROUP] = {"group", 1, AUTH_MODE_GROUP},
	[AUTH_AUDIENCE_USERS] = {"users", 1, AUTH_MODE_USERS},
	[AUTH_AUDIENCE_GITLAB] = {"gitlab", 2, AUTH_MODE_ANYBODY},
	[AUTH_AUDIENCE_PUBLIC] = {"public", 3, 0},
};

const char *
auth_audience_name(enum auth_audience audience)
{
	return audiences[audience].name;
}

bool
auth_audience_parse(struct str name, enum auth_audience *audience)
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
auth_audience_is_wider(enum auth_audience a, enum auth_audience than)
{
	return audiences[a].rank > audiences[than].rank;
}

unsigned
auth_audience_mode(enum auth_audience audience)
{
	return audiences[audience].mode;
}

bool
auth_audience_is_available(const struct auth_settings *settings, enum auth_audience audience)
{
	unsigned mode = audiences[audience].mode;

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
auth_audience_scope(const struct auth_settings *settings, enum auth_audience audience,
		    struct arena *arena)
{
	struct str scopes = str_from(settings->scope);
	struct str found = find_scope(scopes, audiences[audience].mode);

	return arena_printf(arena, "%s%.*s",
			    gitlab_has_scope(scopes, STR("openid")) ? "openid " : "",
			    STR_FMT(found));
}

bool
auth_is_path(struct str text)
{
	struct str rest = text;
	struct str part;

	while (str_next(&rest, '/', &part))
		if (str_is_empty(part) || part.data[0] == '.' || part.data[0] == '-' ||
		    !ascii_all_alnum_or(part, STR("_-.")))
			return false;
	return true;
}

static bool
is_number(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_digit(text.data[i]))
			return false;
	return true;
}

bool
auth_is_id(struct str text)
{
	uint64_t id;

	return str_to_u64(text, 1, INT64_MAX, &id);
}

bool
auth_is_group(struct str text)
{
	return is_number(text) ? auth_is_id(text) : auth_is_path(text);
}

static bool
is_user(struct str text)
{
	if (is_number(text))
		return auth_is_id(text);
	return text.len <= USERNAME_MAX && text.data[0] != '-' &&
	       ascii_all_alnum_or(text, STR("_-."));
}

bool
auth_parse_users(struct str text, struct buf *list, struct err *e)
{
	struct str rest = text;
	struct str part;
	size_t count = 0;

	while (str_next(&rest, ',', &part)) {
		part = str_trim(part);
		if (++count > AUTH_SHARE_USERS)
			return err_set(e, ERR_CONFIG, "more than %u users", AUTH_SHARE_USERS);
		if (str_is_empty(part) || !is_user(part))
			return err_set(e, ERR_CONFIG, "user %zu is neither an id nor a username",
				       count);
		buf_add_str(list, count == 1 ? STR_NONE : STR(","));
		buf_add_str(list, part);
	}
	return buf_is_ok(list) || err_set(e, ERR_CONFIG, "too long");
}
