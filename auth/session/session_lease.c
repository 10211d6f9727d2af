/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selects the session whose access token git gets, and refreshes the token first if necessary.
 */
#include "auth/session/session_lease.h"

#include "auth/session/session_guest.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"
#include "auth/session/session_table.h"
#include "base/clock.h"
#include "base/crypto/crypto_equal.h"

/* Whether git or the clone worker may get the session's token. */
static bool
is_eligible(const struct auth_session *s)
{
	return !s->is_api_token && !session_is_guest(s) && !session_has_expired(s);
}

static bool
has_usable_token(const struct auth_session *s)
{
	return session_tokens_are_valid(&s->tokens) || session_tokens_can_refresh(&s->tokens);
}

/* Does not use session_used_ms, which is the current time for all watched sessions. Times may wrap
 * around. */
static bool
was_used_later(const struct auth_session *a, const struct auth_session *b)
{
	return (int64_t)(a->used_ms - b->used_ms) > 0;
}

/* With a configured owner only that user's token is leased: other users run code in the workspace
 * that could ask for it. */
static bool
is_of_owner(const struct auth_session *s)
{
	uint64_t owner_id = s->store->settings->owner_id;

	return owner_id == 0 || s->user.id == owner_id;
}

struct auth_session *
session_find_for_git(struct session_store *st)
{
	struct auth_session *best = NULL;
	struct auth_session *s = NULL;

	while ((s = session_table_next(&st->table, s)) != NULL) {
		if (is_eligible(s) && is_of_owner(s) && has_usable_token(s) &&
		    (best == NULL || was_used_later(s, best)))
			best = s;
	}
	return best;
}

static bool
start_refresh(struct auth_session *s)
{
	if (!session_tokens_may_refresh_for_git(&s->tokens) || !session_refresh_and_recheck(s))
		return false;
	session_tokens_note_refresh_for_git(&s->tokens);
	return true;
}

enum session_lease_result
session_lease(struct auth_session *s, uint64_t asked_ms)
{
	struct session_tokens *t = &s->tokens;

	/* The token is about to be replaced, or is not stored yet. */
	if (t->state != SESSION_TOKENS_READY)
		return SESSION_LEASE_PENDING;
	if (!session_tokens_suffice(t, asked_ms) && start_refresh(s))
		return SESSION_LEASE_PENDING;
	if (!session_tokens_are_valid(t))
		return SESSION_LEASE_UNAVAILABLE;
	session_tokens_lease(t);
	return SESSION_LEASE_GRANTED;
}

const struct secret *
session_token(const struct auth_session *s)
{
	return s->tokens.pair.access;
}

int64_t
session_token_expires_at_s(const struct auth_session *s)
{
	const struct session_tokens *t = &s->tokens;

	if (t->expires_ms == 0)
		return 0;
	return clock_wall_s() + (int64_t)(session_tokens_left_ms(t) / 1000);
}

bool
session_lease_until_released(struct auth_session *s)
{
	struct session_tokens *t = &s->tokens;

	if (!is_eligible(s) || t->state != SESSION_TOKENS_READY || session_tokens_left_ms(t) == 0)
		return false;
	t->holders++;
	session_ref(s);
	return true;
}

void
session_release_token(struct auth_session *s)
{
	struct session_tokens *t = &s->tokens;

	err_assert(t->holders > 0);
	t->holders--;
	if (s->has_ended && t->holders == 0 && t->pair.access != NULL)
		gitlab_revoke(t->gitlab, &t->pair);
	session_unref(s);
}

uint64_t
session_token_serial(const struct auth_session *s)
{
	return s->tokens.serial;
}

static void
reject(struct auth_session *s)
{
	if (s->tokens.is_rejected)
		return;
	s->tokens.is_rejected = true;
	gitlab_metrics(s->store->gitlab)->credentials_rejected++;
	log_info(NULL, "GitLab rejected a session's token from git",
		 log_cstr("user", s->user.username));
}

void
session_reject_token(struct session_store *st, struct str token)
{
	struct auth_session *s = NULL;

	while ((s = session_table_next(&st->table, s)) != NULL) {
		if (!s->is_api_token && crypto_equal(secret_view(s->tokens.pair.access), token))
			reject(s);
	}
}

void
session_reject_held_token(struct auth_session *s, uint64_t serial)
{
	if (s->tokens.serial == serial)
		reject(s);
}
