/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of a session: watches (auth/auth.h) of its end, and waiting requests
 * (session_recheck.h) of GitLab's next answer.
 */
#ifndef AUTH_SESSION_SESSION_WATCH_H
#define AUTH_SESSION_SESSION_WATCH_H

#include "auth/session/session_recheck.h"

/* Moves the watches to another session of the same user. */
void session_move_watches(struct auth_session *from, struct auth_session *to);

/* Both may end the session. */
void session_tell_watches(struct auth_session *s, enum auth_end reason);
void session_tell_waits(struct auth_session *s); /* that the question under way has ended */

void session_end_waits(struct auth_session *s, enum session_wait_result result);
void session_drop_watches(struct auth_session *s); /* and waits: nobody is told */

#endif
