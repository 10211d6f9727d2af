/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of guests: GitLab users who have access to one shared port only.
 */
#ifndef AUTH_SESSION_SESSION_GUEST_H
#define AUTH_SESSION_SESSION_GUEST_H

#include "auth/session/session.h"

/* Returns NULL for users of the workspace. */
struct port_share *session_share(const struct auth_session *s);
bool session_is_guest(const struct auth_session *s);
/* Whether the session is valid at the host of this port (0: the workspace's own). */
bool session_is_for_port(const struct auth_session *s, uint16_t port);

/* Sessions of guests and of API tokens are not stored; they end with the process. */
bool session_is_stored(const struct auth_session *s);

/* Returns why access is allowed: the name of an audience. */
const char *session_level(const struct auth_session *s);

/* For the files of this folder only. */

void session_guest_init(struct auth_session *s, struct port_share *share);
/* Returns a session of this share's guests, or NULL. */
struct auth_session *session_guests_find(const struct session_store *st,
					 const struct port_share *share);
/* Of this user; 0: of all users. */
size_t session_guests_count(const struct session_store *st, uint64_t user_id);
/* Returns the least recently used session of the guest with the most sessions, so that no guest can
 * evict others. */
struct auth_session *session_guests_first_to_end(const struct session_store *st);

#endif
