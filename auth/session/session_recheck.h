/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repeated authorization: while a session is used, it is checked with GitLab at intervals, one
 * check at a time, after a refresh if the access token is about to expire.
 */
#ifndef AUTH_SESSION_SESSION_RECHECK_H
#define AUTH_SESSION_SESSION_RECHECK_H

#include "auth/session/session.h"

enum session_status {
	SESSION_ALLOWED,     /* the last answer counts; a question may be under way */
	SESSION_PENDING,     /* the last answer is too old: see session_wait_start */
	SESSION_UNAVAILABLE, /* it is too old, and GitLab did not answer lately: refuse for now */
	SESSION_OVER,	     /* it is too old, and the refresh token is lost: end the session */
};

/* Whether GitLab's last answer still allows access. Asks again in the background when that is due.
 */
enum session_status session_check(struct auth_session *s, uint32_t *retry_after_s);

/* Why GitLab's last answer is missing: of SESSION_UNAVAILABLE. */
enum err_code session_failure(const struct auth_session *s);

/* Where GitLab's last answer is older than the interval, the next session_check waits for a new
 * one. */
void session_require_answer(struct auth_session *s);

/* Whether a new login is better than going on, because the refresh token is lost. */
bool session_wants_login(const struct auth_session *s);

/* For the files of this folder. */

void session_recheck(struct auth_session *s); /* if due and none is under way */
void session_recheck_cancel(struct auth_session *s);
/* Goes on after the refreshed tokens were stored: see session_file_await. */
void session_recheck_resume(struct auth_session *s);

/* Refreshes the tokens now, then asks; true also where a question is under way already. */
bool session_refresh_and_recheck(struct auth_session *s) MUST_CHECK;

#endif
