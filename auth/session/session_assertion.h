/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assertions of a session: one is signed for each host and minute, and used for all requests
 * within that minute.
 */
#ifndef AUTH_SESSION_SESSION_ASSERTION_H
#define AUTH_SESSION_SESSION_ASSERTION_H

#include "auth/assertion.h"
#include "auth/session/session.h"

/* An assertion is at least this long before its expiry when it is sent. */
#define SESSION_ASSERTION_USE_S 60

/* Hosts for which a session keeps its assertion; the least recently signed one makes room. */
#define SESSION_ASSERTIONS_MAX 8u

/* The assertion for the host of this port (0: the workspace's own) if there is one of the last
 * minute under these keys; else the empty view. */
struct str session_assertion_find(const struct auth_session *s, const struct assertion_keys *k,
				  uint16_t port);

/*
 * Signs one and keeps it. claims: audience and workspace; the rest is filled in. The empty view,
 * with the error, when that fails or the session has ended. Views are valid until the next call.
 */
struct str session_assertion_sign(struct auth_session *s, const struct assertion_keys *k,
				  uint16_t port, struct assertion_claims *claims, struct err *e);

/* When the session ends. */
void session_assertions_fini(struct auth_session *s);

#endif
