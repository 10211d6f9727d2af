/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of a session's access token for git: with a deadline for git in the workspace, because
 * git does not report when it is done, and with an explicit end for the clone.
 */
#ifndef AUTH_SESSION_SESSION_LEASE_H
#define AUTH_SESSION_SESSION_LEASE_H

#include "auth/session/session_store.h"
#include "auth/session/session_watch.h"

/*
 * Returns the session whose token git gets: of those that may and can lease one, the one used last;
 * if the settings name an owner, one of the owner. NULL: none. API tokens are never leased: they
 * may lack the scope, and their owner gave them for one request.
 */
struct auth_session *session_find_for_git(struct session_store *st);

enum session_lease_result {
	SESSION_LEASE_GRANTED,	   /* the access token is valid, and not refreshed for a while */
	SESSION_LEASE_PENDING,	   /* it must be refreshed first: see session_wait_start */
	SESSION_LEASE_UNAVAILABLE, /* it has expired and can't be refreshed yet */
};

/* Leases the token to a caller that asked at asked_ms (monotonic): a token received later is new
 * enough. */
enum session_lease_result session_lease(struct auth_session *s, uint64_t asked_ms);

/* Returns the access token; valid until the loop runs again. */
const struct secret *session_token(const struct auth_session *s);
int64_t session_token_expires_at_s(const struct auth_session *s); /* wall clock; 0: not given */

/* GitLab rejected git's request with this access token: it is not leased again. */
void session_reject_token(struct session_store *st, struct str token);

/* Reserves the session's token until session_release_token, even if git was rejected with it.
 * False: the session may not lease it, or it is being replaced or has expired. */
bool session_lease_until_released(struct auth_session *s) MUST_CHECK;
/* Ends the reservation. If the session has ended meanwhile, its tokens are revoked now. */
void session_release_token(struct auth_session *s);
/* Returns a number that identifies the current access token. */
uint64_t session_token_serial(const struct auth_session *s);
void session_reject_held_token(struct auth_session *s, uint64_t serial);

#endif
