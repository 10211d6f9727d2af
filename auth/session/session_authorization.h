/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization of one session: when GitLab last allowed it, how long that result is valid,
 * and when the next check is due. Results are reported to the caller; this module never ends a
 * session.
 */
#ifndef AUTH_SESSION_SESSION_AUTHORIZATION_H
#define AUTH_SESSION_SESSION_AUTHORIZATION_H

#include "auth/gitlab/policy.h"

/* Times are of the monotonic clock unless they say wall. */
struct session_authorization {
	const struct auth_settings *settings;
	int64_t allowed_wall_ms;   /* GitLab's last confirmation, wall clock */
	uint64_t allowed_until_ms; /* until when that counts: interval or grace */
	uint64_t next_question_ms; /* the earliest time of the next request to GitLab */
	bool answer_required;	   /* requests of the user wait for the next answer */
	bool is_pending;	   /* a request to GitLab, or a refresh before it, is in progress */
	struct policy_check check;
};

void session_authorization_init(struct session_authorization *a, struct gitlab *gitlab,
				const struct auth_settings *settings);

/* GitLab has just allowed access. */
void session_authorization_note_allowed(struct session_authorization *a);
/* GitLab did not answer; retry_after_s is its Retry-After, or 0. */
void session_authorization_note_failure(struct session_authorization *a, uint32_t retry_after_s);
/* An earlier process was allowed access age_ms ago; GitLab has to confirm it. */
void session_authorization_restore(struct session_authorization *a, int64_t allowed_wall_ms,
				   uint64_t age_ms);

/* Asks GitLab. done runs later, once, unless cancelled. False: see e. */
bool session_authorization_ask(struct session_authorization *a,
			       const struct policy_subject *subject, policy_done_fn *done,
			       void *arg, struct err *e) MUST_CHECK;
void session_authorization_cancel(struct session_authorization *a);

/* Whether GitLab may be asked now. */
bool session_authorization_is_due(const struct session_authorization *a);
/* Whether the last confirmation is still valid. */
bool session_authorization_is_valid(const struct session_authorization *a);
uint32_t session_authorization_retry_after_s(const struct session_authorization *a);

#endif
