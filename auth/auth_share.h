/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing of ports: users of the workspace give others access to one of its ports, up to the
 * operator's limit. Part of the front door: include auth/auth.h.
 *
 * Audiences have ranks: owner, then project, group and users (one rank), then gitlab, then public.
 * The limit allows its own rank and lower ones.
 */
#ifndef AUTH_AUTH_SHARE_H
#define AUTH_AUTH_SHARE_H

#include "auth/auth_session.h"
#include "auth/auth_settings.h"
#include "base/err.h"

#define AUTH_SHARES_MAX	     32u
#define AUTH_SHARE_OF_MAX    2048u /* bytes of a list of users, or of a group */
#define AUTH_SHARE_USERS     64u
#define AUTH_SHARE_LONGEST_S (366 * INT64_C(86400))

struct auth;

/* How settings, forms and JSON name it. */
const char *auth_audience_name(enum auth_audience audience);
bool auth_audience_parse(struct str name, enum auth_audience *audience) MUST_CHECK;

/* Whether one audience is of a higher rank than another. */
bool auth_audience_is_wider(enum auth_audience audience, enum auth_audience than);

/* Whether the bound allows this audience, and the settings have what it takes. */
bool auth_may_share_with(const struct auth *a, enum auth_audience audience);

struct auth_share { /* views that are valid until shares change */
	uint16_t port;
	enum auth_audience audience;
	struct str of;	  /* users or a group; empty: those of the settings */
	struct str by;	  /* username of who shared it */
	int64_t until_ms; /* wall clock; 0: until it is taken back */
};

/* All shares, by port; returns how many there are. */
size_t auth_shares(const struct auth *a, struct auth_share out[AUTH_SHARES_MAX]);
/* Counts changes of shares. */
unsigned auth_shares_version(const struct auth *a);
/* AUTH_AUDIENCE_OWNER for a port that is not shared. */
enum auth_audience auth_port_audience(const struct auth *a, uint16_t port);

/* As auth_watch_start, for a port that is for everybody: at once after a request was allowed
 * because it is. */
void auth_watch_start_public(struct auth_watch *w, struct auth *a, uint16_t port, auth_ended_fn *fn,
			     void *arg);

/* A GitLab group's id or full path. */
bool auth_is_group(struct str text);
/* Appends a list of usernames and ids, with a comma between two, without spaces. */
bool auth_parse_users(struct str text, struct buf *list, struct err *e) MUST_CHECK;
bool auth_is_path(struct str text); /* of a project or group */
bool auth_is_id(struct str text);

#endif
