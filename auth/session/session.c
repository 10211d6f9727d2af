/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle of a session: opens it, handles its deadlines and GitLab's responses, and ends
 * it.
 */
#include "auth/session/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/session/session_assertion.h"
#include "auth/session/session_cookie.h"
#include "auth/session/session_file.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"
#include "auth/session/session_record.h"
#include "auth/session/session_table.h"
#include "auth/session/session_watch.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"

static void
on_timer(void *arg)
{
	struct auth_session *s = arg;
	bool is_watched = !LIST_EMPTY(&s->watches);
	bool is_too_old = !session_authorization_is_valid(&s->authorization);

	if (session_has_expired(s) || (is_watched && is_too_old && s->tokens.refresh_lost)) {
		session_end(s, AUTH_END_EXPIRED);
		return;
	}
	if (is_watched && is_too_old)
		auth_watches_notify(&s->watches, AUTH_END_UNCONFIRMED);
	else if (is_watched)
		session_recheck(s);
	session_arm_timer(s);
}

static void
on_rechecked(struct auth_session *s, enum session_recheck_outcome outcome)
{
	switch (outcome) {
	case SESSION_RECHECK_DONE:
		session_arm_timer(s);
		session_notify_waits(s);
		return;
	case SESSION_RECHECK_REFUSED:
		session_end(s, AUTH_END_REFUSED);
		return;
	case SESSION_RECHECK_EXPIRED:
		session_end(s, AUTH_END_EXPIRED);
		return;
	}
}

/* Creates a session under a fresh id, without cookie and times. */
static struct auth_session *
allocate(struct session_store *st, const struct gitlab_user *user, struct err *e)
{
	struct auth_session *s = err_alloc(e, sizeof(*s), "session");

	if (s == NULL)
		return NULL;
	s->store = st;
	s->user = *user;
	crypto_random(s->id, sizeof(s->id));
	(void)snprintf(s->user_id, sizeof(s->user_id), "%" PRIu64, user->id);
	s->rechecked = on_rechecked;
	session_tokens_init(&s->tokens, st->gitlab, st->settings->modes);
	session_authorization_init(&s->authorization, st->gitlab, st->settings);
	return s;
}

static void
enter_store(struct auth_session *s)
{
	struct session_table *t = &s->store->table;
	struct auth_session *unused;
	size_t unused_count;

	loop_timer_init(&s->timer, s->store->loop, on_timer, s);
	unused = session_table_find_unused(t, s->user.id, &unused_count);
	if (unused_count >= SESSIONS_UNUSED_MAX)
		session_end(unused, AUTH_END_EXPIRED);
	if (t->count >= SESSIONS_MAX)
		session_end(session_table_least_recently_used(t), AUTH_END_EXPIRED);
	session_table_add(t, s);
	session_arm_timer(s);
}

static void
leave_store(struct auth_session *s)
{
	struct session_store *st = s->store;

	session_table_remove(&st->table, s);
	if (st->last == s)
		st->last = NULL;
	if (st->last_port.session == s)
		st->last_port.session = NULL;
	if (st->last_guest.session == s)
		st->last_guest.session = NULL;
}

static void
open_now(struct auth_session *s, struct gitlab_tokens *tokens)
{
	session_tokens_set(&s->tokens, tokens);
	s->opened_wall_ms = clock_wall_ms();
	s->used_ms = clock_monotonic_ms();
	s->expires_ms = s->used_ms + s->store->settings->cookie_expire_ms;
	session_authorization_note_allowed(&s->authorization);
	enter_store(s);
}

struct auth_session *
session_new(struct session_store *st, const struct gitlab_user *user, struct gitlab_tokens *tokens,
	    struct err *e)
{
	struct auth_session *s = allocate(st, user, e);

	if (s == NULL)
		return NULL;
	if (!session_set_cookie(s, e)) {
		free(s);
		return NULL;
	}
	open_now(s, tokens);
	session_file_touch(st->file);
	return s;
}

struct auth_session *
session_new_for_token(struct session_store *st, const struct gitlab_user *user,
		      struct gitlab_tokens *tokens, struct err *e)
{
	struct auth_session *s = allocate(st, user, e);

	if (s == NULL)
		return NULL;
	s->is_api_token = true;
	s->cookie_returned = true;
	open_now(s, tokens);
	return s;
}

struct auth_session *
session_new_guest(struct session_store *st, const struct gitlab_user *user,
		  struct gitlab_tokens *tokens, struct port_share *share, struct err *e)
{
	struct auth_session *s = allocate(st, user, e);

	if (s == NULL)
		return NULL;
	session_guest_init(s, share);
	if (session_guests_count(st, 0) >= SESSION_GUESTS_MAX)
		session_end(session_guests_first_to_end(st), AUTH_END_EXPIRED);
	open_now(s, tokens);
	return s;
}

/* Keeps the text that the browser has if it still opens, so that it is recognized without
 * decryption. */
static bool
restore_cookie(struct auth_session *s, const struct session_record *r, struct err *e)
{
	uint8_t id[SESSION_ID_BYTES];

	if (!session_open_cookie(s->store, NULL, r->cookie, id) ||
	    memcmp(id, s->id, sizeof(id)) != 0)
		return session_set_cookie(s, e);
	memcpy(s->cookie, r->cookie.data, r->cookie.len);
	s->cookie_len = r->cookie.len;
	return true;
}

/* Returns the age of a time on the wall clock; 0 if that clock was set back. */
static uint64_t
age_of(int64_t then_ms)
{
	int64_t now_ms = clock_wall_ms();

	return then_ms < now_ms ? (uint64_t)now_ms - (uint64_t)then_ms : 0;
}

/* The monotonic clock may have started after those times: sums and differences wrap around. */
static void
restore_times(struct auth_session *s, const struct session_record *r)
{
	const struct auth_settings *x = s->store->settings;
	uint64_t now_ms = clock_monotonic_ms();
	int64_t token_left_ms = r->token_expires_ms - clock_wall_ms();

	s->opened_wall_ms = r->opened_ms;
	s->used_ms = now_ms - age_of(r->used_ms);
	s->expires_ms = now_ms + (x->cookie_expire_ms - age_of(r->opened_ms));
	session_authorization_restore(&s->authorization, r->allowed_ms, age_of(r->allowed_ms));
	s->tokens.expires_ms = 0;
	if (r->token_expires_ms != 0)
		s->tokens.expires_ms = token_left_ms > 0 ? now_ms + (uint64_t)token_left_ms : 1;
}

bool
session_restore(struct session_store *st, struct session_record *r, struct err *e)
{
	struct auth_session *s;

	if (age_of(r->opened_ms) >= st->settings->cookie_expire_ms ||
	    age_of(r->used_ms) >= st->settings->session_idle_ms) {
		gitlab_revoke(st->gitlab, &r->tokens);
		return true;
	}
	if (session_table_find(&st->table, r->id) != NULL)
		return err_set(e, ERR_PROTOCOL, "duplicate session id");
	s = allocate(st, &r->user, e);
	if (s == NULL)
		return false;
	memcpy(s->id, r->id, sizeof(s->id));
	if (!restore_cookie(s, r, e)) {
		free(s);
		return false;
	}
	session_tokens_set(&s->tokens, &r->tokens);
	restore_times(s, r);
	s->cookie_returned = true; /* unknown */
	s->tokens.refresh_lost = r->refresh_lost;
	for (size_t i = 0; i < r->devices_count; i++)
		if (!session_device_restore(s, &r->devices[i]))
			break; /* out of memory: these devices have to log in again */
	enter_store(s);
	return true;
}

const uint8_t *
session_id(const struct auth_session *s)
{
	return s->id;
}

struct auth_session_times
auth_session_times(const struct auth_session *s)
{
	return (struct auth_session_times){
		.opened_ms = s->opened_wall_ms,
		.answered_ms = s->authorization.allowed_wall_ms,
		.expires_ms = clock_wall_ms() + (int64_t)(s->expires_ms - clock_monotonic_ms()),
		.idle_limit_ms = (int64_t)s->store->settings->session_idle_ms,
	};
}

/* Wipes a session that has ended, but not its identity, which references may still use. */
static void
dissolve(struct auth_session *s)
{
	secret_wipe(s->id, sizeof(s->id));
	secret_wipe(s->cookie, sizeof(s->cookie));
	session_assertions_fini(s);
	free(s->devices);
	s->devices = NULL;
	s->devices_count = 0;
	s->has_ended = true;
	if (s->refs == 0)
		session_free_memory(s);
}

void
session_end(struct auth_session *s, enum auth_end reason)
{
	static const char *const names[] = {
		[AUTH_END_SIGNED_OUT] = "signed out",
		[AUTH_END_EXPIRED] = "expired",
		[AUTH_END_REFUSED] = "refused",
		[AUTH_END_UNSHARED] = "no longer shared",
	};

	log_info(NULL, "session ended", log_cstr("user", s->user.username),
		 log_cstr("reason", names[reason]));
	gitlab_metrics(s->store->gitlab)->sessions_ended[reason]++;
	leave_store(s);
	session_file_touch(s->store->file);
	session_recheck_cancel(s);
	loop_timer_fini(&s->timer);
	if (s->is_api_token)
		gitlab_tokens_fini(&s->tokens.pair);
	else if (s->tokens.holders == 0) /* otherwise session_release_token revokes it */
		gitlab_revoke(s->store->gitlab, &s->tokens.pair);
	auth_watches_notify(&s->watches, reason);
	session_end_waits(s,
			  reason == AUTH_END_REFUSED ? SESSION_WAIT_REFUSED : SESSION_WAIT_ENDED);
	dissolve(s);
}

/* Starts over for each session, because callbacks may end others. */
void
session_end_all_of_user(struct session_store *st, const struct auth_session *s)
{
	uint64_t user_id = s->user.id;
	struct auth_session *next;

	while ((next = session_table_find_user(&st->table, user_id)) != NULL)
		session_end(next, AUTH_END_SIGNED_OUT);
}

/* As session_end_all_of_user, starts over for each session. */
void
session_end_guests(struct session_store *st, const struct port_share *share)
{
	struct auth_session *next;

	while ((next = session_guests_find(st, share)) != NULL)
		session_end(next, AUTH_END_UNSHARED);
}

void
session_free(struct auth_session *s)
{
	leave_store(s);
	session_recheck_cancel(s);
	loop_timer_fini(&s->timer);
	gitlab_tokens_fini(&s->tokens.pair);
	session_drop_watches(s);
	dissolve(s);
}
