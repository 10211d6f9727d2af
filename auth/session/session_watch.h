/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notifications of a session: watches (auth/auth.h) learn of its end, waits of GitLab's next
 * answer.
 */
#ifndef AUTH_SESSION_SESSION_WATCH_H
#define AUTH_SESSION_SESSION_WATCH_H

#include "auth/session/session.h"
#include "base/list.h"

enum session_wait_result {
	SESSION_WAIT_ANSWERED, /* or not answered: see session_check */
	SESSION_WAIT_REFUSED,  /* GitLab refused the user; the session is ending */
	SESSION_WAIT_ENDED,
};

/* The session may be read in every case, and lives on only in the first. */
typedef void session_wait_fn(struct auth_session *s, enum session_wait_result result, void *arg);

/* Waits for the question under way. Told once, from the loop. */
struct session_wait {
	LIST_ENTRY(session_wait) entry;
	session_wait_fn *fn;
	void *arg;
};
void session_wait_start(struct session_wait *w, struct auth_session *s, session_wait_fn *fn,
			void *arg);
void session_wait_stop(struct session_wait *w); /* fine when not waiting */

/* Moves the watches to another session of the same user. */
void session_move_watches(struct auth_session *from, struct auth_session *to);

/* Of a session, or of a port that is shared with everybody: tells all that this has ended. Each may
 * stop others. */
void auth_watches_tell(struct auth_watch_list *watches, enum auth_end reason);
void auth_watches_drop(struct auth_watch_list *watches); /* without notification */
/* Watches without a session. */
void auth_watches_add(struct auth_watch_list *watches, struct auth_watch *w, auth_ended_fn *fn,
		      void *arg);

/* Each may end the session. */
void session_tell_watches(struct auth_session *s, enum auth_end reason);
/* Tells the watches of one device that it is signed out. */
void session_tell_device(struct auth_session *s, const struct auth_device_id *id);
void session_tell_waits(struct auth_session *s); /* that the question under way has ended */

void session_end_waits(struct auth_session *s, enum session_wait_result result);
void session_drop_watches(struct auth_session *s); /* and waits, without notification */

#endif
