/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides when a session is checked with GitLab, and how long the result is valid.
 */
#include "auth/session/session_authorization.h"

#include "base/clock.h"
#include "base/crypto/crypto.h"

#define RETRY_MS	  UINT64_C(10000) /* after a failure, unless the interval is shorter */
#define RETRY_AFTER_S_MAX 60u

void
session_authorization_init(struct session_authorization *a, struct gitlab *gitlab,
			   const struct auth_settings *settings)
{
	*a = (struct session_authorization){
		.settings = settings,
		.check = {.gitlab = gitlab, .settings = settings},
	};
}

/* Shortens the interval by a twentieth to a tenth, so that sessions do not ask at the same time,
 * and that with a grace of 0 there is time for GitLab's answer before the last one expires. */
static uint64_t
jittered(uint64_t ms)
{
	uint16_t random;

	crypto_random(&random, sizeof(random));
	return ms - ms / 20 - (ms / 20) * random / UINT16_MAX;
}

static uint64_t
answer_age_max_ms(const struct auth_settings *x)
{
	return x->authorization_interval_ms > x->authorization_grace_ms
		       ? x->authorization_interval_ms
		       : x->authorization_grace_ms;
}

void
session_authorization_note_allowed(struct session_authorization *a)
{
	uint64_t now_ms = clock_monotonic_ms();

	a->allowed_wall_ms = clock_wall_ms();
	a->allowed_until_ms = now_ms + answer_age_max_ms(a->settings);
	a->next_question_ms = now_ms + jittered(a->settings->authorization_interval_ms);
	a->answer_required = false;
}

void
session_authorization_note_failure(struct session_authorization *a, uint32_t retry_after_s)
{
	uint64_t delay_ms = a->settings->authorization_interval_ms;
	uint64_t asked_for_ms =
		UINT64_C(1000) *
		(retry_after_s < RETRY_AFTER_S_MAX ? retry_after_s : RETRY_AFTER_S_MAX);

	if (delay_ms > RETRY_MS)
		delay_ms = RETRY_MS;
	delay_ms = jittered(delay_ms);
	a->next_question_ms =
		clock_monotonic_ms() + (delay_ms > asked_for_ms ? delay_ms : asked_for_ms);
	a->is_pending = false;
	a->answer_required = false;
}

/* The monotonic clock may have started after that time: sums wrap around. */
void
session_authorization_restore(struct session_authorization *a, int64_t allowed_wall_ms,
			      uint64_t age_ms)
{
	uint64_t max_ms = answer_age_max_ms(a->settings);

	a->allowed_wall_ms = allowed_wall_ms;
	if (age_ms < max_ms)
		a->allowed_until_ms = clock_monotonic_ms() + (max_ms - age_ms);
	a->answer_required = true;
}

bool
session_authorization_ask(struct session_authorization *a, const struct policy_subject *subject,
			  policy_done_fn *done, void *arg, struct err *e)
{
	struct policy_result result;

	if (policy_start(&a->check, subject, &result, done, arg) == POLICY_PENDING)
		return true;
	*e = result.err;
	return false;
}

void
session_authorization_cancel(struct session_authorization *a)
{
	policy_cancel(&a->check);
	a->is_pending = false;
}

bool
session_authorization_is_due(const struct session_authorization *a)
{
	return !a->is_pending && clock_monotonic_ms() >= a->next_question_ms;
}

bool
session_authorization_is_valid(const struct session_authorization *a)
{
	return clock_monotonic_ms() < a->allowed_until_ms;
}

uint32_t
session_authorization_retry_after_s(const struct session_authorization *a)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (a->next_question_ms <= now_ms)
		return 1;
	return (uint32_t)((a->next_question_ms - now_ms) / 1000 + 1);
}
