/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's deadlines and its one timer, and references to its memory.
 */
#ifndef AUTH_SESSION_SESSION_LIFETIME_H
#define AUTH_SESSION_SESSION_LIFETIME_H

#include "auth/session/session.h"

/* Marks the session used now. */
void session_touch(struct auth_session *s);
uint64_t session_used_ms(const struct auth_session *s); /* the current time while it is watched */
bool session_has_expired(const struct auth_session *s); /* by age or idleness */

/* Arms the timer for expiry and, while the session is watched, for the next check. */
void session_arm_timer(struct auth_session *s);

/* A session that has ended and has no references. */
void session_free_memory(struct auth_session *s);

/* Keeps the memory, with the identity, of a session that may end. */
void session_ref(struct auth_session *s);
void session_unref(struct auth_session *s); /* does nothing for NULL */

#endif
