/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One authorization check of a session: first a refresh if the access token is about to expire or
 * GitLab does not accept it, then storing the new tokens, then the authorization policy.
 *
 * The outcome goes to the session's `rechecked`; this module never ends a session.
 */
#include "auth/session/session_recheck.h"

#include "auth/session/session_file.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_private.h"
#include "base/clock.h"

static void
note_failure(struct auth_session *s, const struct err *why, uint32_t retry_after_s)
{
	s->failure = why->code;
	session_authorization_note_failure(&s->authorization, retry_after_s);
	session_tokens_delay_refresh(&s->tokens, s->authorization.next_question_ms);
	log_warn(NULL, "authorization check failed", log_cstr("user", s->user.username),
		 log_err(why));
}

static void
end_unanswered(struct auth_session *s, const struct err *why, uint32_t retry_after_s)
{
	note_failure(s, why, retry_after_s);
	s->rechecked(s, SESSION_RECHECK_DONE);
}

static void
end_allowed(struct auth_session *s)
{
	session_authorization_note_allowed(&s->authorization);
	s->authorization.is_pending = false;
	s->rechecked(s, SESSION_RECHECK_DONE);
}

static bool start_refresh(struct auth_session *s);

static bool
can_refresh(const struct auth_session *s)
{
	return session_tokens_can_refresh(&s->tokens) && !s->was_refreshed;
}

static void
on_policy(const struct policy_result *result, void *arg)
{
	struct auth_session *s = arg;

	switch (result->verdict) {
	case POLICY_ALLOWED:
		end_allowed(s);
		return;
	case POLICY_REFUSED:
		log_warn(NULL, "authorization withdrawn", log_cstr("user", s->user.username),
			 log_err(&result->err));
		s->rechecked(s, SESSION_RECHECK_REFUSED);
		return;
	case POLICY_TOKEN_INVALID:
		if (can_refresh(s) && start_refresh(s))
			return;
		if (!s->tokens.refresh_lost &&
		    (s->tokens.pair.refresh == NULL || s->was_refreshed)) {
			s->rechecked(s, SESSION_RECHECK_EXPIRED);
			return;
		}
		break;
	case POLICY_PENDING:
	case POLICY_MISCONFIGURED:
	case POLICY_UNKNOWN:
		break;
	}
	end_unanswered(s, &result->err, result->retry_after_s);
}

static bool
start_policy(struct auth_session *s, struct err *why)
{
	const struct policy_subject subject = {
		.who = {.token = s->tokens.pair.access,
			.user_id = s->user.id,
			.priority = session_is_guest(s) ? FETCH_NORMAL : FETCH_HIGH},
	};

	return session_authorization_ask(&s->authorization, &subject, on_policy, s, why);
}

void
session_recheck_resume(struct auth_session *s)
{
	struct err why = ERR_INIT;

	if (!start_policy(s, &why))
		end_unanswered(s, &why, 0);
}

/* GitLab has ended the old pair, so the new one is stored before it is used. */
static void
on_refreshed(const struct session_refresh_result *result, void *arg)
{
	struct auth_session *s = arg;
	struct err why = result->err;

	switch (result->outcome) {
	case SESSION_REFRESH_OK:
		s->was_refreshed = true;
		session_file_touch(s->store->file);
		if (!session_is_stored(s) || !session_file_await(s->store->file, s))
			session_recheck_resume(s);
		return;
	case SESSION_REFRESH_REFUSED:
		log_info(NULL, "refresh token rejected", log_cstr("user", s->user.username),
			 log_err(&why));
		s->rechecked(s, SESSION_RECHECK_EXPIRED);
		return;
	case SESSION_REFRESH_LOST:
		session_file_touch(s->store->file);
		break;
	case SESSION_REFRESH_UNAVAILABLE:
		break;
	}
	err_wrap(&why, "refresh");
	end_unanswered(s, &why, result->retry_after_s);
}

static bool
start_refresh(struct auth_session *s)
{
	return session_tokens_refresh(&s->tokens, on_refreshed, s);
}

void
session_recheck(struct auth_session *s)
{
	struct err why = ERR_INIT;

	if (!session_authorization_is_due(&s->authorization))
		return;
	s->authorization.is_pending = true;
	s->was_refreshed = false;
	if (session_tokens_need_refresh(&s->tokens)) {
		if (start_refresh(s))
			return;
		err_set(&why, ERR_MEMORY, "refresh could not be sent");
	} else if (start_policy(s, &why)) {
		return;
	}
	note_failure(s, &why, 0);
}

bool
session_refresh_and_recheck(struct auth_session *s)
{
	struct session_authorization *a = &s->authorization;

	if (a->is_pending)
		return true;
	s->was_refreshed = false;
	a->is_pending = can_refresh(s) && start_refresh(s);
	return a->is_pending;
}

void
session_recheck_cancel(struct auth_session *s)
{
	session_tokens_cancel(&s->tokens);
	session_authorization_cancel(&s->authorization);
}

enum session_status
session_check(struct auth_session *s, uint32_t *retry_after_s)
{
	const struct session_authorization *a = &s->authorization;

	*retry_after_s = 0;
	session_recheck(s);
	/* The last answer counts until GitLab gives a new one. */
	if (a->answer_required && a->is_pending)
		return SESSION_PENDING;
	if (session_authorization_is_valid(a))
		return SESSION_ALLOWED;
	if (s->tokens.refresh_lost)
		return SESSION_OVER;
	if (a->is_pending)
		return SESSION_PENDING;
	*retry_after_s = session_authorization_retry_after_s(a);
	return SESSION_UNAVAILABLE;
}

enum err_code
session_failure(const struct auth_session *s)
{
	return s->failure;
}

uint32_t
session_retry_after_s(const struct auth_session *s)
{
	return session_authorization_retry_after_s(&s->authorization);
}

void
session_require_answer(struct auth_session *s)
{
	struct session_authorization *a = &s->authorization;

	a->answer_required = a->answer_required || clock_monotonic_ms() >= a->next_question_ms;
}

bool
session_wants_login(const struct auth_session *s)
{
	return s->tokens.refresh_lost;
}
