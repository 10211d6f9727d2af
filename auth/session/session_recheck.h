/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a session may still be used: GitLab is asked again while it is, and its access token
 * refreshed, one refresh at a time. Whoever has to wait for the answer is told.
 */
#ifndef AUTH_SESSION_SESSION_RECHECK_H
#define AUTH_SESSION_SESSION_RECHECK_H

#include "auth/session/session.h"

enum session_standing {
	SESSION_FRESH,	/* the last answer counts; a question may be under way */
	SESSION_STALE,	/* the last answer is too old: see session_wait_start */
	SESSION_UNSURE, /* as stale, and GitLab did not answer lately: refuse for now */
	SESSION_SPENT,	/* as stale, and its tokens are of no more use: end it */
};

/* What the last answer is worth; starts a question in the background when it is due. */
enum session_standing session_check(struct auth_session *s, uint32_t *retry_after_s);

/* Where GitLab's last answer is older than the interval, the next session_check waits for a new
 * one. */
void session_require_answer(struct auth_session *s);

/* Whether a new login is better than going on: GitLab may have replaced the tokens unheard. */
bool session_wants_login(const struct auth_session *s);

enum session_news {
	SESSION_NEWS_ANSWERED, /* or not answered: see session_check */
	SESSION_NEWS_REFUSED,  /* GitLab refused the user; the session is ending */
	SESSION_NEWS_ENDED,
};

/* The session may be read in every case, and lives on only in the first. */
typedef void session_wait_fn(struct auth_session *s, enum session_news news, void *arg);

/* Somebody who waits for the question under way. Told once, from the loop. */
struct session_wait {
	struct session_wait *next;
	struct session_wait **link; /* NULL: not waiting */
	session_wait_fn *fn;
	void *arg;
};
void session_wait_start(struct session_wait *w, struct auth_session *s, session_wait_fn *fn,
			void *arg);
void session_wait_stop(struct session_wait *w); /* fine when not waiting */

#endif
