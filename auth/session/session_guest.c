/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's session refers to the share, whose rule its authorization checks use.
 */
#include "auth/session/session_guest.h"

#include "auth/session/session_private.h"
#include "auth/session/session_table.h"

struct port_share *
session_share(const struct auth_session *s)
{
	return s->share;
}

bool
session_is_guest(const struct auth_session *s)
{
	return s->share != NULL;
}

bool
session_is_for_port(const struct auth_session *s, uint16_t port)
{
	return s->share == NULL || (port != 0 && s->share->terms.port == port);
}

bool
session_is_stored(const struct auth_session *s)
{
	return !s->is_api_token && s->share == NULL;
}

const char *
session_level(const struct auth_session *s)
{
	return auth_audience_name(s->share == NULL ? AUTH_AUDIENCE_OWNER
						   : s->share->terms.audience);
}

static struct auth_session *
next_guest(const struct session_store *st, const struct auth_session *s)
{
	struct auth_session *next = session_table_next(&st->table, s);

	while (next != NULL && next->share == NULL)
		next = session_table_next(&st->table, next);
	return next;
}

struct auth_session *
session_guests_find(const struct session_store *st, const struct port_share *share)
{
	struct auth_session *s = next_guest(st, NULL);

	while (s != NULL && s->share != share)
		s = next_guest(st, s);
	return s;
}

/* For browsers that do not keep cookies, so that every visit opens another session: see
 * session_note_port_cookie. */
static void
inherit_port_cookies(struct auth_session *s)
{
	const struct auth_session *other = NULL;

	while ((other = next_guest(s->store, other)) != NULL) {
		if (other->user.id != s->user.id || other->share != s->share ||
		    other->cookie_returned || other->next_port_cookie < s->next_port_cookie)
			continue;
		memcpy(s->port_cookies_ms, other->port_cookies_ms, sizeof(s->port_cookies_ms));
		s->next_port_cookie = other->next_port_cookie;
	}
}

void
session_guest_init(struct auth_session *s, struct port_share *share)
{
	port_share_ref(share);
	s->share = share;
	s->tokens.modes = share->rule.modes;
	s->authorization.check.rule = &share->rule;
	inherit_port_cookies(s);
}

size_t
session_guests_count(const struct session_store *st, uint64_t user_id)
{
	const struct auth_session *s = NULL;
	size_t count = 0;

	while ((s = next_guest(st, s)) != NULL)
		count += user_id == 0 || s->user.id == user_id;
	return count;
}

/* Quadratic, but called only when the number of guests is at its limit. */
struct auth_session *
session_guests_first_to_end(const struct session_store *st)
{
	struct auth_session *first = NULL;
	struct auth_session *s = NULL;
	size_t most = 0;

	while ((s = next_guest(st, s)) != NULL) {
		size_t count = session_guests_count(st, s->user.id);
		bool is_older = first != NULL && (int64_t)(s->used_ms - first->used_ms) < 0;

		if (count > most || (count == most && is_older)) {
			first = s;
			most = count;
		}
	}
	return first;
}
