/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sessions by id. An id is 192 random bits and is looked up only after its cookie was
 * decrypted, so clients can't choose buckets.
 */
#ifndef AUTH_SESSION_SESSION_TABLE_H
#define AUTH_SESSION_SESSION_TABLE_H

#include "auth/session/session.h"

struct session_table;

void session_table_add(struct session_table *t, struct auth_session *s);
void session_table_remove(struct session_table *t, struct auth_session *s);

/* Compares ids in constant time. NULL: there is none. */
struct auth_session *session_table_find(const struct session_table *t,
					const uint8_t id[SESSION_ID_BYTES]);

/* Iterates: s NULL gives the first session, NULL is the end. Between two calls only s itself may be
 * removed, after its successor was read. */
struct auth_session *session_table_next(const struct session_table *t,
					const struct auth_session *s);

struct auth_session *session_table_find_user(const struct session_table *t, uint64_t user_id);
/* Returns the user's oldest session whose cookie never came back, and the number of such sessions.
 * NULL: none. */
struct auth_session *session_table_find_unused(const struct session_table *t, uint64_t user_id,
					       size_t *count);
/* Returns a watched one only if all are watched. */
struct auth_session *session_table_least_recently_used(const struct session_table *t);

#endif
