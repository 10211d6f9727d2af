/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of a session's access token for git: with a deadline for git in the workspace, because
 * git does not report when it is done, and with an explicit end for the clone.
 */
#ifndef AUTH_SESSION_SESSION_LEASE_H
#define AUTH_SESSION_SESSION_LEASE_H

#include "auth/session/session_store.h"
#include "auth/session/session_watch.h"

/* The session whose token git gets: of those that may and can lend one, the one used last; where
 * the settings name an owner, of the owner's. NULL: none. Sessions of API tokens never may: the
 * token may lack repository scope, and its owner gave it for one request. */
struct auth_session *session_find_lender(struct session_store *st);

enum session_lease_result {
	SESSION_LEASE_GRANTED,	   /* the access token is not refreshed for a while */
	SESSION_LEASE_PENDING,	   /* it is refreshed first: see session_wait_start */
	SESSION_LEASE_UNAVAILABLE, /* it does not work, and can't be refreshed yet */
};

/* For a caller that asked at asked_ms (monotonic): a token that came since is new enough. */
enum session_lease_result session_lease(struct auth_session *s, uint64_t asked_ms);

/* The access token; valid until the loop is entered again. */
const struct secret *session_token(const struct auth_session *s);
int64_t session_token_expires_at_s(const struct auth_session *s); /* wall clock; 0: not said */

/* GitLab refused git with this access token: it is not lent again. */
void session_reject_token(struct session_store *st, struct str token);

/* Holds the token of a session that may lend one, whatever git was told about it, until
 * session_release_token. False: it may not, or the token is being replaced or has expired. */
bool session_hold_token(struct auth_session *s) MUST_CHECK;
/* s may have ended meanwhile; its tokens are then revoked now. */
void session_release_token(struct auth_session *s);
/* Which of the session's access tokens it is. */
uint64_t session_token_serial(const struct auth_session *s);
void session_reject_held_token(struct auth_session *s, uint64_t serial);

#endif
