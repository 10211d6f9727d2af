/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sessions by id. An id is 192 random bits and reaches the table only out of a cookie that
 * opened, so clients can't choose buckets.
 */
#ifndef AUTH_SESSION_SESSION_TABLE_H
#define AUTH_SESSION_SESSION_TABLE_H

#include "auth/session/session.h"

struct session_table;

void session_table_add(struct session_table *t, struct auth_session *s);
void session_table_remove(struct session_table *t, struct auth_session *s);

/* NULL: none of this id. Compares in constant time. */
struct auth_session *session_table_find(const struct session_table *t,
					const uint8_t id[SESSION_ID_BYTES]);

/* Iteration: the first one for s NULL, NULL after the last. Only s itself may be removed between
 * two calls, and not before its successor was read. */
struct auth_session *session_table_next(const struct session_table *t,
					const struct auth_session *s);

struct auth_session *session_table_find_user(const struct session_table *t, uint64_t user_id);
/* The oldest session of the user whose cookie never came back, and how many there are. NULL: none.
 */
struct auth_session *session_table_find_unused(const struct session_table *t, uint64_t user_id,
					       size_t *count);
/* A watched one only if all are watched. */
struct auth_session *session_table_least_recently_used(const struct session_table *t);

#endif
