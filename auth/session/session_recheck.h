/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeated authorization: while a session is used, it is checked with GitLab at intervals, one
 * check at a time, after a refresh if the access token is about to expire.
 */
#ifndef AUTH_SESSION_SESSION_RECHECK_H
#define AUTH_SESSION_SESSION_RECHECK_H

#include "auth/session/session.h"

enum session_status {
	SESSION_ALLOWED,     /* the last answer counts; a check may be in progress */
	SESSION_PENDING,     /* the last answer is too old: see session_wait_start */
	SESSION_UNAVAILABLE, /* it is too old, and GitLab failed to answer: refuse for now */
	SESSION_OVER,	     /* it is too old, and the refresh token is lost: end the session */
};

/* Whether GitLab's last answer still allows access. Starts a check in the background when it is
 * due. */
enum session_status session_check(struct auth_session *s, uint32_t *retry_after_s);

/* Why GitLab did not answer, and when it is asked again: for SESSION_UNAVAILABLE. */
enum err_code session_failure(const struct auth_session *s);
uint32_t session_retry_after_s(const struct auth_session *s);

/* Makes the next session_check wait for a new answer if GitLab's last one is older than the
 * interval. */
void session_require_answer(struct auth_session *s);

/* Whether to redirect to a new login, because the refresh token is lost. */
bool session_wants_login(const struct auth_session *s);

/* For the files of this folder only. */

void session_recheck(struct auth_session *s); /* if a check is due and none is in progress */
void session_recheck_cancel(struct auth_session *s);
/* Continues after the refreshed tokens were stored: see session_file_await. */
void session_recheck_resume(struct auth_session *s);

/* Refreshes the tokens now and then checks; also true if a check is already in progress. */
bool session_refresh_and_recheck(struct auth_session *s) MUST_CHECK;

#endif
