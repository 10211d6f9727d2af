/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one session: opening, its one timer, and its end.
 *
 * The timer serves all deadlines: it fires at the earliest of them, acts on what is due, and is
 * armed again. Use moves the idle deadline without touching the timer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/session/session_file.h"
#include "auth/session/session_record.h"
#include "base/clock.h"
#include "base/crypto.h"

static uint64_t
idle_at_ms(const struct auth_session *s)
{
	return s->used_ms + s->store->settings->session_idle_ms;
}

uint64_t
session_used_ms(const struct auth_session *s)
{
	return s->watches != NULL ? clock_monotonic_ms() : s->used_ms;
}

bool
session_has_expired(const struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms >= s->expires_ms || (s->watches == NULL && now_ms >= idle_at_ms(s));
}

void
session_arm_timer(struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t due_ms = s->expires_ms;
	uint64_t other_ms = s->watches == NULL ? idle_at_ms(s) : s->ask_ms;

	/* A question under way arms the timer when it ends. */
	if (s->watches != NULL && s->is_asking)
		other_ms = s->answer_expires_ms;
	if (other_ms < due_ms)
		due_ms = other_ms;
	loop_timer_start(&s->timer, due_ms > now_ms ? due_ms - now_ms : 1);
}

static void
on_timer(void *arg)
{
	struct auth_session *s = arg;
	bool is_too_old = clock_monotonic_ms() >= s->answer_expires_ms;

	if (session_has_expired(s) || (s->watches != NULL && is_too_old && s->refresh_lost)) {
		session_end(s, AUTH_END_EXPIRED);
		return;
	}
	if (s->watches != NULL && is_too_old)
		session_tell_watches(s, AUTH_END_REFUSED);
	else if (s->watches != NULL)
		session_recheck(s);
	session_arm_timer(s);
}

static void
take_tokens(struct auth_session *s, struct gitlab_tokens *tokens)
{
	gitlab_tokens_fini(&s->tokens);
	s->tokens = *tokens;
	*tokens = (struct gitlab_tokens){0};
	secret_free(s->tokens.id_token);
	s->tokens.id_token = NULL;
	s->tokens_came_ms = clock_monotonic_ms();
	s->token_expires_ms =
		s->tokens.lifetime_ms == 0 ? 0 : s->tokens_came_ms + s->tokens.lifetime_ms;
	s->leased_until_ms = 0;
	s->is_rejected = false;
}

void
session_replace_tokens(struct auth_session *s, struct gitlab_tokens *tokens)
{
	/* An answer without a refresh token leaves the one that we have (RFC 6749 section 6). */
	if (tokens->refresh == NULL) {
		tokens->refresh = s->tokens.refresh;
		s->tokens.refresh = NULL;
	}
	take_tokens(s, tokens);
	session_file_touch(s->store->file);
}

/* Everything but the cookie and the times. */
static struct auth_session *
allocate(struct session_store *st, const struct gitlab_user *user, struct err *e)
{
	struct auth_session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(e, ERR_MEMORY, "session");
		return NULL;
	}
	s->store = st;
	s->user = *user;
	(void)snprintf(s->user_id, sizeof(s->user_id), "%" PRIu64, user->id);
	s->check.gitlab = st->gitlab;
	s->check.settings = st->settings;
	return s;
}

static void
enter_store(struct auth_session *s)
{
	loop_timer_init(&s->timer, s->store->loop, on_timer, s);
	session_store_add(s);
	session_arm_timer(s);
}

static void
open_now(struct auth_session *s, struct gitlab_tokens *tokens)
{
	take_tokens(s, tokens);
	s->opened_wall_ms = clock_wall_ms();
	s->used_ms = clock_monotonic_ms();
	s->expires_ms = s->used_ms + s->store->settings->cookie_expire_ms;
	session_note_answer(s);
	enter_store(s);
}

struct auth_session *
session_new(struct session_store *st, const struct gitlab_user *user, struct gitlab_tokens *tokens,
	    struct err *e)
{
	struct auth_session *s = allocate(st, user, e);

	if (s == NULL)
		return NULL;
	crypto_random(s->id, sizeof(s->id));
	if (!session_keep_cookie(s, e)) {
		free(s);
		return NULL;
	}
	open_now(s, tokens);
	session_file_touch(st->file);
	return s;
}

struct auth_session *
session_new_borrowed(struct session_store *st, const struct gitlab_user *user,
		     struct gitlab_tokens *tokens, struct err *e)
{
	struct auth_session *s = allocate(st, user, e);

	if (s == NULL)
		return NULL;
	crypto_random(s->id, sizeof(s->id));
	s->is_borrowed = true;
	s->has_been_used = true;
	open_now(s, tokens);
	return s;
}

bool
session_is_usable(const struct auth_session *s)
{
	return !session_has_expired(s);
}

void
session_require_answer(struct auth_session *s)
{
	s->must_be_asked = s->must_be_asked || clock_monotonic_ms() >= s->ask_ms;
}

/* The text that the browser has, where it still opens: it is found without deciphering then. */
static bool
restore_cookie(struct auth_session *s, const struct session_record *r, struct err *e)
{
	uint8_t id[SESSION_ID_BYTES];

	if (!session_open_cookie(s->store, NULL, r->cookie, id) ||
	    memcmp(id, s->id, sizeof(id)) != 0)
		return session_keep_cookie(s, e);
	memcpy(s->cookie, r->cookie.data, r->cookie.len);
	s->cookie_len = r->cookie.len;
	return true;
}

/* What the wall clock says of another process's time; a clock that was set back makes it now. */
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
	uint64_t answer_age_ms = age_of(r->answered_ms);
	int64_t token_left_ms = r->token_expires_ms - clock_wall_ms();

	s->opened_wall_ms = r->opened_ms;
	s->used_ms = now_ms - age_of(r->used_ms);
	s->expires_ms = now_ms + (x->cookie_expire_ms - age_of(r->opened_ms));
	s->answered_wall_ms = r->answered_ms;
	if (answer_age_ms < session_answer_age_max_ms(x))
		s->answer_expires_ms = now_ms + (session_answer_age_max_ms(x) - answer_age_ms);
	s->token_expires_ms = 0;
	if (r->token_expires_ms != 0)
		s->token_expires_ms = token_left_ms > 0 ? now_ms + (uint64_t)token_left_ms : 1;
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
	if (session_find_id(st, r->id) != NULL)
		return err_set(e, ERR_PROTOCOL, "a session stands there twice");
	s = allocate(st, &r->user, e);
	if (s == NULL)
		return false;
	memcpy(s->id, r->id, sizeof(s->id));
	if (!restore_cookie(s, r, e)) {
		free(s);
		return false;
	}
	take_tokens(s, &r->tokens);
	restore_times(s, r);
	s->has_been_used = true; /* more is not known: see session_count_unused */
	s->refresh_lost = r->refresh_lost;
	s->must_be_asked = true;
	enter_store(s);
	return true;
}

const uint8_t *
session_id(const struct auth_session *s)
{
	return s->id;
}

struct str
session_cookie(const struct auth_session *s)
{
	return (struct str){s->cookie, s->cookie_len};
}

struct auth_identity
session_identity(const struct auth_session *s)
{
	return (struct auth_identity){
		.user_id = str_from(s->user_id),
		.username = str_from(s->user.username),
		.name = str_from(s->user.name),
		.email = str_from(s->user.email),
	};
}

const struct secret *
auth_session_token(const struct auth_session *s)
{
	return s->tokens.access;
}

void
session_touch(struct auth_session *s)
{
	s->used_ms = clock_monotonic_ms();
}

struct auth_session_times
auth_session_times(const struct auth_session *s)
{
	return (struct auth_session_times){
		.opened_ms = s->opened_wall_ms,
		.answered_ms = s->answered_wall_ms,
		.expires_ms = clock_wall_ms() + (int64_t)(s->expires_ms - clock_monotonic_ms()),
		.idle_limit_ms = (int64_t)s->store->settings->session_idle_ms,
	};
}

bool
session_wants_login(const struct auth_session *s)
{
	return s->refresh_lost;
}

void
session_keep(struct auth_session *s)
{
	s->kept++;
}

void
session_let_go(struct auth_session *s)
{
	if (s == NULL)
		return;
	err_assert(s->kept > 0);
	s->kept--;
	if (s->has_ended && s->kept == 0)
		free(s);
}

/* What a session is beyond an identity that somebody may still read. */
static void
dissolve(struct auth_session *s)
{
	secret_wipe(s->id, sizeof(s->id));
	secret_wipe(s->cookie, sizeof(s->cookie));
	s->has_ended = true;
	if (s->kept == 0)
		free(s);
}

void
session_end(struct auth_session *s, enum auth_end reason)
{
	static const char *const names[] = {
		[AUTH_END_SIGNED_OUT] = "signed out",
		[AUTH_END_EXPIRED] = "expired",
		[AUTH_END_REFUSED] = "refused",
	};

	log_info(NULL, "session ended", log_cstr("user", s->user.username),
		 log_cstr("reason", names[reason]));
	gitlab_metrics(s->store->gitlab)->sessions_ended[reason]++;
	session_store_remove(s);
	session_file_touch(s->store->file);
	session_recheck_cancel(s);
	loop_timer_fini(&s->timer);
	if (s->is_borrowed)
		gitlab_tokens_fini(&s->tokens);
	else
		gitlab_revoke(s->store->gitlab, &s->tokens);
	session_tell_watches(s, reason);
	session_end_waits(s,
			  reason == AUTH_END_REFUSED ? SESSION_NEWS_REFUSED : SESSION_NEWS_ENDED);
	dissolve(s);
}

void
session_free_silently(struct auth_session *s)
{
	session_store_remove(s);
	session_recheck_cancel(s);
	loop_timer_fini(&s->timer);
	gitlab_tokens_fini(&s->tokens);
	session_drop_watches(s);
	dissolve(s);
}
