/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications of a session: watches (auth/auth.h) are notified when it ends, waits when GitLab
 * has answered.
 */
#ifndef AUTH_SESSION_SESSION_WATCH_H
#define AUTH_SESSION_SESSION_WATCH_H

#include "auth/session/session.h"
#include "base/list.h"

enum session_wait_result {
	SESSION_WAIT_ANSWERED, /* or no answer: see session_check */
	SESSION_WAIT_REFUSED,  /* GitLab refused access; the session is ending */
	SESSION_WAIT_ENDED,
};

/* s may be read in every case; it has ended unless the result is the first one. */
typedef void session_wait_fn(struct auth_session *s, enum session_wait_result result, void *arg);

/* Waits for the end of the check in progress. Called once, from the loop. */
struct session_wait {
	LIST_ENTRY(session_wait) entry;
	session_wait_fn *fn;
	void *arg;
};
void session_wait_start(struct session_wait *w, struct auth_session *s, session_wait_fn *fn,
			void *arg);
void session_wait_stop(struct session_wait *w); /* does nothing when not waiting */

/* Moves the watches to another session of the same user. */
void session_move_watches(struct auth_session *from, struct auth_session *to);

/* Notifies all watches of a session, or of a public port, that it has ended. A callback may stop
 * others, and end the session. */
void auth_watches_notify(struct auth_watch_list *watches, enum auth_end reason);
/* Stops all watches without notification. */
void auth_watches_drop(struct auth_watch_list *watches);
/* For watches without a session. */
void auth_watches_add(struct auth_watch_list *watches, struct auth_watch *w, auth_ended_fn *fn,
		      void *arg);

/* Notifies the watches of one device that it is signed out. */
void session_notify_device(struct auth_session *s, const struct auth_device_id *id);
void session_notify_waits(struct auth_session *s); /* reports the end of the check in progress */

void session_end_waits(struct auth_session *s, enum session_wait_result result);
/* Stops watches and waits, without notification. */
void session_drop_watches(struct auth_session *s);

#endif
