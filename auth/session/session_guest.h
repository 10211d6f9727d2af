/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of guests: GitLab users who have access to one shared port only.
 */
#ifndef AUTH_SESSION_SESSION_GUEST_H
#define AUTH_SESSION_SESSION_GUEST_H

#include "auth/session/session.h"

/* NULL for users of the workspace. */
struct port_share *session_share(const struct auth_session *s);
bool session_is_guest(const struct auth_session *s);
/* Whether it counts at the host of this port (0: the workspace's own). */
bool session_is_for_port(const struct auth_session *s, uint16_t port);

/* Sessions of guests and of API tokens end with the process. */
bool session_is_stored(const struct auth_session *s);

/* Why its user was let in: the name of an audience. */
const char *session_level(const struct auth_session *s);

/* Tells the guests of this share that it has ended, and ends their sessions. */
void session_end_guests(struct session_store *st, const struct port_share *share);

/* For the files of this folder. */

void session_guest_init(struct auth_session *s, struct port_share *share);
size_t session_guests_count(const struct session_store *st);
/* The least recently used session of the guest with the most sessions, so that no guest can evict
 * others.
 */
struct auth_session *session_guests_first_to_end(const struct session_store *st);

#endif
