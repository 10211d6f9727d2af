/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: the user, the tokens and the lifetime.
 *
 * A session ends by age, by idleness, by sign-out, or when GitLab refuses its user or its tokens;
 * watches and waiting requests are notified. Finding one: session_store.h. Whether it may still be
 * used: session_recheck.h. Tokens for git: session_lease.h.
 */
#ifndef AUTH_SESSION_SESSION_H
#define AUTH_SESSION_SESSION_H

#include "auth/auth.h"
#include "auth/gitlab/gitlab.h"

#define SESSION_ID_BYTES 24u
#define SESSIONS_MAX	 1000u
/* Limit per user of sessions without a request since they were opened. A further one ends the
 * oldest, so that no user can evict sessions of others. */
#define SESSIONS_UNUSED_MAX 16u
/* Limit of sessions of guests. A further one ends a session of the guest who has most. */
#define SESSION_GUESTS_MAX 256u

struct port_share;
struct session_store;
struct session_record;

/* Creates a session under a fresh id that was just authorized. Takes the tokens. When the store is
 * full, the least recently used session ends. NULL: the caller keeps the tokens. */
struct auth_session *session_new(struct session_store *st, const struct gitlab_user *user,
				 struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* As session_new, for the API token of a program: found by id only. The token is never revoked,
 * stored, or leased to git. */
struct auth_session *session_new_for_token(struct session_store *st, const struct gitlab_user *user,
					   struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* As session_new, for a guest of the port of this share: valid for that port's host only, and ends
 * with the share. Its tokens are neither stored nor leased to git. */
struct auth_session *session_new_guest(struct session_store *st, const struct gitlab_user *user,
				       struct gitlab_tokens *tokens, struct port_share *share,
				       struct err *e) MUST_CHECK;

/* Adds a session of an earlier process unless it has expired. Takes the tokens unless it fails. */
bool session_restore(struct session_store *st, struct session_record *r, struct err *e) MUST_CHECK;

/* Ends the session: notifies watches and waiting requests, revokes the tokens, and frees it unless
 * it is referenced. */
void session_end(struct auth_session *s, enum auth_end reason);

/* Ends every session of s's user, including s. */
void session_end_all_of_user(struct session_store *st, const struct auth_session *s);

/* Ends the sessions of this share's guests. */
void session_end_guests(struct session_store *st, const struct port_share *share);

/* Call it when the process exits: notifies no watches and revokes no tokens. */
void session_free(struct auth_session *s);

const uint8_t *session_id(const struct auth_session *s);

#endif
