/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assertions of a session: one is signed for each host and minute, and used for all requests
 * within that minute.
 */
#ifndef AUTH_SESSION_SESSION_ASSERTION_H
#define AUTH_SESSION_SESSION_ASSERTION_H

#include "auth/assertion.h"
#include "auth/session/session.h"

/* Maximum age of an assertion when it is sent. */
#define SESSION_ASSERTION_AGE_MAX_S 60

/* Number of hosts for which a session keeps its assertion. A further one replaces the one that was
 * signed first. */
#define SESSION_ASSERTIONS_MAX 8u

/* Returns the assertion for the host of this port (0: the workspace's own) if it was signed with
 * these keys within the last minute; otherwise the empty view. */
struct str session_assertion_find(const struct auth_session *s, const struct assertion_keys *k,
				  uint16_t port);

/* Signs an assertion and keeps it. Set audience and workspace of claims; the rest is filled in. The
 * empty view: an error, or the session has ended. Views are valid until the next call. */
struct str session_assertion_sign(struct auth_session *s, const struct assertion_keys *k,
				  uint16_t port, struct assertion_claims *claims, struct err *e);

/* Call it when the session ends. */
void session_assertions_fini(struct auth_session *s);

#endif
