/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking GitLab again whether a session's user is allowed, with a token that works.
 *
 * One question per session at a time: a refresh first where the access token is about to end, then
 * the policy. GitLab revokes the old pair with the first answer to a refresh and refuses a second
 * one, so a refresh is never repeated: when its answer is lost, the session is spent.
 */
#include "auth/session/session_file.h"
#include "auth/session/session_private.h"
#include "base/clock.h"
#include "base/crypto.h"

#define REFRESH_MARGIN_MS (300 * UINT64_C(1000))
#define RETRY_MS	  UINT64_C(10000) /* after no answer, unless the interval is shorter */
#define RETRY_AFTER_S_MAX 60u

static uint64_t
jittered(uint64_t ms)
{
	uint16_t random;

	crypto_random(&random, sizeof(random));
	return ms - ms / 10 + (ms / 5) * random / UINT16_MAX;
}

uint64_t
session_answer_age_max_ms(const struct auth_settings *x)
{
	return x->authorization_interval_ms > x->authorization_grace_ms
		       ? x->authorization_interval_ms
		       : x->authorization_grace_ms;
}

void
session_note_answer(struct auth_session *s)
{
	const struct auth_settings *x = s->store->settings;
	uint64_t now_ms = clock_monotonic_ms();

	s->answered_wall_ms = clock_wall_ms();
	s->answer_expires_ms = now_ms + session_answer_age_max_ms(x);
	s->ask_ms = now_ms + jittered(x->authorization_interval_ms);
	s->must_be_asked = false;
}

void
session_recheck_cancel(struct auth_session *s)
{
	gitlab_abandon(s->store->gitlab, s->refresh);
	s->refresh = NULL;
	policy_cancel(&s->check);
	s->saving = SESSION_NOT_WAITING;
	s->is_asking = false;
}

static void
note_failure(struct auth_session *s, const struct err *why, uint32_t retry_after_s)
{
	uint64_t delay_ms = s->store->settings->authorization_interval_ms;
	uint64_t asked_for_ms =
		UINT64_C(1000) *
		(retry_after_s < RETRY_AFTER_S_MAX ? retry_after_s : RETRY_AFTER_S_MAX);

	if (delay_ms > RETRY_MS)
		delay_ms = RETRY_MS;
	delay_ms = jittered(delay_ms);
	s->ask_ms = clock_monotonic_ms() + (delay_ms > asked_for_ms ? delay_ms : asked_for_ms);
	s->renew_ms = s->ask_ms;
	s->is_asking = false;
	s->must_be_asked = false;
	log_warn(NULL, "authorization not answered", log_cstr("user", s->user.username),
		 log_err(why));
}

/* The question has ended without ending the session. */
static void
finish(struct auth_session *s)
{
	s->is_asking = false;
	session_arm_timer(s);
	session_tell_waits(s);
}

static void
fail(struct auth_session *s, const struct err *why, uint32_t retry_after_s)
{
	note_failure(s, why, retry_after_s);
	finish(s);
}

static bool start_refresh(struct auth_session *s);

static bool
can_refresh(const struct auth_session *s)
{
	return s->tokens.refresh != NULL && !s->refresh_lost && !s->was_retried;
}

static void
on_policy(const struct policy_result *result, void *arg)
{
	struct auth_session *s = arg;

	switch (result->verdict) {
	case POLICY_ALLOWED:
		session_note_answer(s);
		finish(s);
		return;
	case POLICY_REFUSED:
		log_warn(NULL, "authorization withdrawn", log_cstr("user", s->user.username),
			 log_err(&result->err));
		session_end(s, AUTH_END_REFUSED);
		return;
	case POLICY_TOKEN_INVALID:
		if (can_refresh(s) && start_refresh(s))
			return;
		if (!s->refresh_lost && (s->tokens.refresh == NULL || s->was_retried)) {
			session_end(s, AUTH_END_EXPIRED);
			return;
		}
		break;
	case POLICY_PENDING:
	case POLICY_MISCONFIGURED:
	case POLICY_UNKNOWN:
		break;
	}
	fail(s, &result->err, result->retry_after_s);
}

/* False: not asked; *why says why. */
static bool
start_policy(struct auth_session *s, struct err *why)
{
	const struct policy_subject subject = {.token = s->tokens.access, .user_id = s->user.id};
	struct policy_result result;

	if (policy_start(&s->check, &subject, &result, on_policy, s) == POLICY_PENDING)
		return true;
	*why = result.err;
	return false;
}

void
session_recheck_resume(struct auth_session *s)
{
	struct err why = ERR_INIT;

	if (!start_policy(s, &why))
		fail(s, &why, 0);
}

static void
on_refreshed(struct gitlab_answer *answer, void *arg)
{
	struct auth_session *s = arg;
	struct err why = answer->err;

	s->refresh = NULL;
	switch (answer->outcome) {
	case GITLAB_OK:
		session_replace_tokens(s, &answer->tokens);
		s->was_retried = true;
		if (session_file_await(s->store->file, s) || start_policy(s, &why))
			return;
		break;
	case GITLAB_GRANT_INVALID:
		log_info(NULL, "GitLab no longer renews the session",
			 log_cstr("user", s->user.username));
		session_end(s, AUTH_END_EXPIRED);
		return;
	case GITLAB_LOST:
		s->refresh_lost = true;
		session_file_touch(s->store->file);
		break;
	case GITLAB_NO:
	case GITLAB_TOKEN_INVALID:
	case GITLAB_FORBIDDEN:
	case GITLAB_REFUSES_US:
	case GITLAB_UNAVAILABLE:
		break;
	}
	err_wrap(&why, "refresh");
	fail(s, &why, answer->retry_after_s);
}

static bool
start_refresh(struct auth_session *s)
{
	s->refresh = gitlab_refresh(s->store->gitlab, s->tokens.refresh, on_refreshed, s);
	return s->refresh != NULL;
}

static bool
needs_refresh(const struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t margin_ms = s->tokens.lifetime_ms / 4;

	if (s->token_expires_ms == 0 || !can_refresh(s))
		return false;
	if (s->store->holds_tokens && now_ms < s->token_expires_ms)
		return false;
	if (session_is_leased(s))
		return false;
	if (margin_ms > REFRESH_MARGIN_MS)
		margin_ms = REFRESH_MARGIN_MS;
	return now_ms + margin_ms >= s->token_expires_ms;
}

void
session_recheck(struct auth_session *s)
{
	struct err why = ERR_INIT;

	if (s->is_asking || clock_monotonic_ms() < s->ask_ms)
		return;
	s->is_asking = true;
	s->was_retried = false;
	if (needs_refresh(s)) {
		if (start_refresh(s))
			return;
		err_set(&why, ERR_MEMORY, "refresh could not be asked");
	} else if (start_policy(s, &why)) {
		return;
	}
	note_failure(s, &why, 0);
}

bool
session_renew(struct auth_session *s)
{
	if (s->is_asking)
		return true;
	s->was_retried = false;
	s->is_asking = can_refresh(s) && start_refresh(s);
	return s->is_asking;
}

enum session_standing
session_check(struct auth_session *s, uint32_t *retry_after_s)
{
	uint64_t now_ms = clock_monotonic_ms();

	*retry_after_s = 0;
	session_recheck(s);
	/* Then the last answer counts only where GitLab does not give a new one. */
	if (s->must_be_asked && s->is_asking)
		return SESSION_STALE;
	if (now_ms < s->answer_expires_ms)
		return SESSION_FRESH;
	if (s->refresh_lost)
		return SESSION_SPENT;
	if (s->is_asking)
		return SESSION_STALE;
	*retry_after_s = s->ask_ms > now_ms ? (uint32_t)((s->ask_ms - now_ms) / 1000 + 1) : 1;
	return SESSION_UNSURE;
}
