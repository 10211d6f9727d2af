/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens of sessions for git, which keeps one for as long as it works with it.
 */
#ifndef AUTH_SESSION_SESSION_LEASE_H
#define AUTH_SESSION_SESSION_LEASE_H

#include "auth/session/session.h"

/* The session whose token git is given: of those that can give one, the one used last. NULL: none.
 */
struct auth_session *session_find_lender(struct session_store *st);

enum session_loan {
	SESSION_LOAN_GIVEN,   /* the access token stays for a while: see session_lend.c */
	SESSION_LOAN_LATER,   /* it is renewed first: see session_wait_start */
	SESSION_LOAN_NOT_NOW, /* it is of no use, and can't be renewed yet */
};

/* For whoever asked at asked_ms (monotonic): a token that came since is new enough. */
enum session_loan session_lend(struct auth_session *s, uint64_t asked_ms);
int64_t session_token_expires_at_s(const struct auth_session *s); /* wall clock; 0: not said */

/* GitLab did not take this access token: it is not lent again. */
void session_reject_token(struct session_store *st, struct str token);

/* While held, no token that still works is replaced. */
void session_store_hold_tokens(struct session_store *st, bool hold);

#endif
