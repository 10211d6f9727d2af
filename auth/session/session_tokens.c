/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifetime, refresh and leases of a session's token pair.
 *
 * git does not say when it is done, so its lease lasts LEASE_MS from the last time that it asked,
 * and no longer counts when less than LEASE_LEFT_MS remain. A holder that does say so keeps the
 * token from being refreshed until it expires.
 */
#include "auth/session/session_tokens.h"

#include "base/clock.h"

#define SECOND_MS		    UINT64_C(1000)
#define REFRESH_MARGIN_MS	    (300 * SECOND_MS)
#define GIT_LEFT_MS		    (300 * SECOND_MS)
#define LEASE_MS		    (120 * SECOND_MS)
#define LEASE_LEFT_MS		    (60 * SECOND_MS)
#define REJECTED_REFRESH_SPACING_MS (30 * SECOND_MS)

void
session_tokens_init(struct session_tokens *t, struct gitlab *gitlab, unsigned modes)
{
	*t = (struct session_tokens){.gitlab = gitlab, .modes = modes};
}

void
session_tokens_set_state(struct session_tokens *t, enum session_tokens_state state)
{
	static const unsigned may_follow[] = {
		[SESSION_TOKENS_READY] =
			1u << SESSION_TOKENS_REFRESHING | 1u << SESSION_TOKENS_UNSAVED,
		[SESSION_TOKENS_REFRESHING] = 1u << SESSION_TOKENS_READY,
		[SESSION_TOKENS_UNSAVED] = 1u << SESSION_TOKENS_SAVING | 1u << SESSION_TOKENS_READY,
		[SESSION_TOKENS_SAVING] = 1u << SESSION_TOKENS_READY,
	};

	err_assert((may_follow[t->state] & 1u << state) != 0);
	t->state = state;
}

void
session_tokens_set(struct session_tokens *t, struct gitlab_tokens *pair)
{
	gitlab_tokens_fini(&t->pair);
	t->pair = *pair;
	*pair = (struct gitlab_tokens){0};
	secret_free(t->pair.id_token);
	t->pair.id_token = NULL;
	t->serial++;
	t->received_ms = clock_monotonic_ms();
	t->expires_ms = t->pair.lifetime_ms == 0 ? 0 : t->received_ms + t->pair.lifetime_ms;
	t->leased_until_ms = 0;
	t->is_rejected = false;
}

/* Keeps the old refresh token if GitLab issued no new one (RFC 6749 section 6). */
static void
take_refreshed(struct session_tokens *t, struct gitlab_tokens *pair)
{
	if (pair->refresh == NULL) {
		pair->refresh = t->pair.refresh;
		t->pair.refresh = NULL;
	}
	session_tokens_set(t, pair);
}

static void
on_refreshed(struct gitlab_answer *answer, void *arg)
{
	struct session_tokens *t = arg;
	struct session_refresh_result result = {
		.outcome = SESSION_REFRESH_UNAVAILABLE,
		.err = answer->err,
		.retry_after_s = answer->retry_after_s,
	};

	t->refresh = NULL;
	session_tokens_set_state(t, SESSION_TOKENS_READY);
	switch (answer->outcome) {
	case GITLAB_OK:
		result.outcome = SESSION_REFRESH_OK;
		take_refreshed(t, &answer->tokens);
		break;
	case GITLAB_GRANT_INVALID:
	case GITLAB_DENIED:
		result.outcome = SESSION_REFRESH_REFUSED;
		break;
	case GITLAB_LOST:
		result.outcome = SESSION_REFRESH_LOST;
		t->refresh_lost = true;
		break;
	case GITLAB_NO:
	case GITLAB_TOKEN_INVALID:
	case GITLAB_FORBIDDEN:
	case GITLAB_REFUSES_US:
	case GITLAB_UNAVAILABLE:
		break;
	}
	t->refreshed(&result, t->arg);
}

bool
session_tokens_refresh(struct session_tokens *t, session_refreshed_fn *refreshed, void *arg)
{
	t->refreshed = refreshed;
	t->arg = arg;
	t->refresh = gitlab_refresh(t->gitlab, t->pair.refresh, t->modes, on_refreshed, t);
	if (t->refresh == NULL)
		return false;
	session_tokens_set_state(t, SESSION_TOKENS_REFRESHING);
	return true;
}

void
session_tokens_cancel(struct session_tokens *t)
{
	gitlab_abandon(t->gitlab, t->refresh);
	t->refresh = NULL;
	if (t->state != SESSION_TOKENS_READY)
		session_tokens_set_state(t, SESSION_TOKENS_READY);
}

uint64_t
session_tokens_left_ms(const struct session_tokens *t)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (t->expires_ms == 0)
		return UINT64_MAX;
	return t->expires_ms > now_ms ? t->expires_ms - now_ms : 0;
}

bool
session_tokens_are_valid(const struct session_tokens *t)
{
	return !t->is_rejected && session_tokens_left_ms(t) >= SECOND_MS;
}

bool
session_tokens_can_refresh(const struct session_tokens *t)
{
	return t->pair.refresh != NULL && !t->refresh_lost;
}

static bool
is_held(const struct session_tokens *t)
{
	return t->holders > 0 && session_tokens_left_ms(t) > 0;
}

/* An eighth of the lifetime if tokens are short-lived. */
static uint64_t
lease_left_min_ms(const struct session_tokens *t)
{
	uint64_t ms = t->pair.lifetime_ms / 8;

	return ms < LEASE_LEFT_MS ? ms : LEASE_LEFT_MS;
}

static bool
are_leased(const struct session_tokens *t)
{
	return is_held(t) ||
	       (session_tokens_are_valid(t) && clock_monotonic_ms() < t->leased_until_ms &&
		session_tokens_left_ms(t) >= lease_left_min_ms(t));
}

bool
session_tokens_need_refresh(const struct session_tokens *t)
{
	uint64_t margin_ms = t->pair.lifetime_ms / 4;

	if (margin_ms > REFRESH_MARGIN_MS)
		margin_ms = REFRESH_MARGIN_MS;
	return t->expires_ms != 0 && session_tokens_can_refresh(t) && !are_leased(t) &&
	       session_tokens_left_ms(t) <= margin_ms;
}

bool
session_tokens_suffice(const struct session_tokens *t, uint64_t asked_ms)
{
	return session_tokens_are_valid(t) && (session_tokens_left_ms(t) >= GIT_LEFT_MS ||
					       t->received_ms >= asked_ms || are_leased(t));
}

bool
session_tokens_may_refresh_for_git(const struct session_tokens *t)
{
	uint64_t now_ms = clock_monotonic_ms();

	return session_tokens_can_refresh(t) && !is_held(t) && now_ms >= t->refresh_after_ms &&
	       (!t->is_rejected || now_ms >= t->refresh_rejected_after_ms);
}

void
session_tokens_note_refresh_for_git(struct session_tokens *t)
{
	if (t->is_rejected && t->state == SESSION_TOKENS_REFRESHING)
		t->refresh_rejected_after_ms = clock_monotonic_ms() + REJECTED_REFRESH_SPACING_MS;
}

void
session_tokens_delay_refresh(struct session_tokens *t, uint64_t until_ms)
{
	t->refresh_after_ms = until_ms;
}

void
session_tokens_lease(struct session_tokens *t)
{
	t->leased_until_ms = clock_monotonic_ms() + LEASE_MS;
}
