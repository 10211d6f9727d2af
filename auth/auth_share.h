/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing of ports: users of the workspace give others access to one of its ports, up to the
 * operator's limit. Part of the public interface: include auth/auth.h.
 *
 * Audiences have ranks: owner, then project, group and users (one rank), then gitlab, then public.
 * The limit allows its own rank and lower ones.
 */
#ifndef AUTH_AUTH_SHARE_H
#define AUTH_AUTH_SHARE_H

#include "auth/auth_session.h"
#include "auth/auth_settings.h"
#include "base/err.h"

#define AUTH_SHARES_MAX	       32u
#define AUTH_SHARE_MEMBERS_MAX 2048u /* bytes of a list of users, or of a group */
#define AUTH_SHARE_USERS       64u
#define AUTH_SHARE_LONGEST_S   (366 * INT64_C(86400))

struct arena;
struct auth;

/* The name of an audience in settings, forms and JSON. */
const char *auth_audience_name(enum auth_audience audience);
bool auth_audience_parse(struct str name, enum auth_audience *audience) MUST_CHECK;

/* Whether `audience` has a higher rank than `than`. */
bool auth_audience_is_wider(enum auth_audience audience, enum auth_audience than);

/* Whether the limit allows this audience, and the settings suffice for checking its members. */
bool auth_audience_is_available(const struct auth_settings *settings, enum auth_audience audience);

/* Returns the authorization mode of its guests; 0: it has no guests. */
unsigned auth_audience_mode(enum auth_audience audience);

/* Returns the fewest scopes of the settings that suffice for guests to sign in, separated by
 * spaces. */
const char *auth_audience_scope(const struct auth_settings *settings, enum auth_audience audience,
				struct arena *arena);

struct auth_share { /* views that are valid until shares change */
	uint16_t port;
	enum auth_audience audience;
	struct str members;   /* users or a group; empty: those of the settings */
	struct str shared_by; /* username of the user who shared the port */
	int64_t until_ms;     /* wall clock; 0: until it is revoked */
};

/* Lists all shares by port; returns their number. */
size_t auth_shares(const struct auth *a, struct auth_share out[AUTH_SHARES_MAX]);
/* A number that changes with every change of shares. */
unsigned auth_shares_version(const struct auth *a);

/* As auth_watch_start, for a public port. Call it directly after a request was allowed because the
 * port is public. */
void auth_watch_start_public(struct auth_watch *w, struct auth *a, uint16_t port, auth_ended_fn *fn,
			     void *arg);

/* Whether text is the id or full path of a GitLab group. */
bool auth_is_group(struct str text);
/* Appends a list of usernames and ids, separated by commas without spaces. */
bool auth_parse_users(struct str text, struct buf *list, struct err *e) MUST_CHECK;
bool auth_is_path(struct str text); /* of a project or group */
bool auth_is_id(struct str text);

#endif
