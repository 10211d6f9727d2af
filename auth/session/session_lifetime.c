/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a session expires, and when its memory is freed. Use of the session moves the idle deadline
 * without changing the timer; when the timer fires too early, it is started again.
 */
#include "auth/session/session_lifetime.h"

#include <stdlib.h>

#include "auth/session/session_private.h"
#include "base/clock.h"

void
session_touch(struct auth_session *s)
{
	s->used_ms = clock_monotonic_ms();
}

uint64_t
session_used_ms(const struct auth_session *s)
{
	return LIST_EMPTY(&s->watches) ? s->used_ms : clock_monotonic_ms();
}

static uint64_t
idle_deadline_ms(const struct auth_session *s)
{
	return s->used_ms + s->store->settings->session_idle_ms;
}

bool
session_has_expired(const struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms >= s->expires_ms ||
	       (LIST_EMPTY(&s->watches) && now_ms >= idle_deadline_ms(s));
}

/* A watched session does not become idle, and GitLab is asked without a request. If a check is in
 * progress, its end arms the timer. */
static uint64_t
other_deadline_ms(const struct auth_session *s)
{
	if (LIST_EMPTY(&s->watches))
		return idle_deadline_ms(s);
	return s->authorization.is_pending ? s->authorization.allowed_until_ms
					   : s->authorization.next_question_ms;
}

void
session_arm_timer(struct auth_session *s)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t other_ms = other_deadline_ms(s);
	uint64_t due_ms = other_ms < s->expires_ms ? other_ms : s->expires_ms;

	loop_timer_start(&s->timer, due_ms > now_ms ? due_ms - now_ms : 1);
}

void
session_free_memory(struct auth_session *s)
{
	port_share_unref(s->share);
	free(s);
}

void
session_ref(struct auth_session *s)
{
	s->refs++;
}

void
session_unref(struct auth_session *s)
{
	if (s == NULL)
		return;
	err_assert(s->refs > 0);
	s->refs--;
	if (s->has_ended && s->refs == 0)
		session_free_memory(s);
}
