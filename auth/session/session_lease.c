/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending a session's access token to git, which works with it out of our sight.
 *
 * A renewal ends the old token at GitLab at once, and with it whatever git is doing. So a token
 * that was lent is leased: for LEASE_MS from the last loan nobody renews it, unless it is about to
 * end by itself. What is not leased is renewed before it is lent when less than LEFT_MS remain.
 */
#include "auth/session/session_lease.h"
#include "auth/session/session_private.h"
#include "base/clock.h"
#include "base/crypto.h"

#define SECOND_MS	  UINT64_C(1000)
#define LEFT_MS		  (300 * SECOND_MS)
#define LEASE_MS	  (120 * SECOND_MS)
#define LEAST_MS	  (60 * SECOND_MS) /* a lease that leaves less no longer counts */
#define REJECTED_RENEW_MS (30 * SECOND_MS) /* between two renewals of rejected tokens */

static uint64_t
left_ms(const struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (s->token_expires_ms == 0)
		return UINT64_MAX;
	return s->token_expires_ms > now_ms ? s->token_expires_ms - now_ms : 0;
}

static bool
token_works(const struct auth_session *s)
{
	return !s->is_rejected && left_ms(s) >= SECOND_MS;
}

/* An eighth where tokens are short-lived. */
static uint64_t
least_ms(const struct auth_session *s)
{
	uint64_t ms = s->tokens.lifetime_ms / 8;

	return ms < LEAST_MS ? ms : LEAST_MS;
}

bool
session_is_leased(const struct auth_session *s)
{
	return token_works(s) && clock_monotonic_ms() < s->leased_until_ms &&
	       left_ms(s) >= least_ms(s);
}

static bool
can_renew_ever(const struct auth_session *s)
{
	return s->tokens.refresh != NULL && !s->refresh_lost;
}

static bool
may_lend(const struct auth_session *s)
{
	return !s->is_borrowed && !session_has_expired(s) && (token_works(s) || can_renew_ever(s));
}

/* Not by session_used_ms, which is now for all that are watched. Times may wrap around. */
static bool
was_used_later(const struct auth_session *a, const struct auth_session *b)
{
	return (int64_t)(a->used_ms - b->used_ms) > 0;
}

struct auth_session *
session_find_lender(struct session_store *st)
{
	struct auth_session *best = NULL;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket) {
			if (may_lend(s) && (best == NULL || was_used_later(s, best)))
				best = s;
		}
	}
	return best;
}

static bool
may_renew_now(const struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (!can_renew_ever(s) || now_ms < s->renew_ms)
		return false;
	if (s->store->holds_tokens && left_ms(s) > 0)
		return false;
	return !s->is_rejected || now_ms >= s->renew_rejected_ms;
}

static bool
renew(struct auth_session *s)
{
	if (!may_renew_now(s) || !session_renew(s))
		return false;
	if (s->is_rejected && s->refresh != NULL)
		s->renew_rejected_ms = clock_monotonic_ms() + REJECTED_RENEW_MS;
	return true;
}

static bool
is_good_enough(const struct auth_session *s, uint64_t asked_ms)
{
	return token_works(s) &&
	       (left_ms(s) >= LEFT_MS || s->tokens_came_ms >= asked_ms || session_is_leased(s));
}

enum session_loan
session_lend(struct auth_session *s, uint64_t asked_ms)
{
	/* The token that we have is the one that ends, or is not on the disk yet. */
	if (s->refresh != NULL || s->saving != SESSION_NOT_WAITING)
		return SESSION_LOAN_LATER;
	if (!is_good_enough(s, asked_ms) && renew(s))
		return SESSION_LOAN_LATER;
	if (!token_works(s))
		return SESSION_LOAN_NOT_NOW;
	s->leased_until_ms = clock_monotonic_ms() + LEASE_MS;
	return SESSION_LOAN_GIVEN;
}

int64_t
session_token_expires_at_s(const struct auth_session *s)
{
	return s->token_expires_ms == 0 ? 0 : clock_wall_s() + (int64_t)(left_ms(s) / SECOND_MS);
}

void
session_reject_token(struct session_store *st, struct str token)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket) {
			if (s->is_borrowed || s->is_rejected ||
			    !crypto_equal(secret_view(s->tokens.access), token))
				continue;
			s->is_rejected = true;
			gitlab_metrics(st->gitlab)->credentials_rejected++;
			log_info(NULL, "GitLab did not take a session's token from git",
				 log_cstr("user", s->user.username));
		}
	}
}
