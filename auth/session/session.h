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
/* Of one user, without a request since they were opened: more make the oldest of them end, so that
 * no user can evict the sessions of others. */
#define SESSIONS_UNUSED_MAX 16u
/* Of guests of ports: with one more, one ends of the guest who has most. */
#define SESSION_GUESTS_MAX 256u

struct port_share;
struct session_store;
struct session_record;

/*
 * A new session under a fresh id, just authorized. Takes the tokens. When the store is full, the
 * least recently used session ends. NULL: the tokens are still the caller's.
 */
struct auth_session *session_new(struct session_store *st, const struct gitlab_user *user,
				 struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* As session_new, for the API token of a program: found by id only; its token is never revoked,
 * stored, nor lent to git. */
struct auth_session *session_new_for_token(struct session_store *st, const struct gitlab_user *user,
					   struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* As session_new, for a guest of the port that this share opens: good for that port's host only,
 * and ended with the share. Its tokens are neither stored nor lent to git. */
struct auth_session *session_new_guest(struct session_store *st, const struct gitlab_user *user,
				       struct gitlab_tokens *tokens, struct port_share *share,
				       struct err *e) MUST_CHECK;

/* Adds a session of an earlier process, unless it has expired meanwhile. Takes the tokens, unless
 * it fails. */
bool session_restore(struct session_store *st, struct session_record *r, struct err *e) MUST_CHECK;

/* Ends it: tells watches and waiting requests, revokes the tokens, frees it unless referenced. */
void session_end(struct auth_session *s, enum auth_end reason);

/* Signs out every session of s's user, s too. */
void session_end_all_of_user(struct session_store *st, const struct auth_session *s);

/* At the end of the process: notifies no watches and revokes no tokens. */
void session_free(struct auth_session *s);

const uint8_t *session_id(const struct auth_session *s);
struct auth_identity session_identity(const struct auth_session *s); /* views into it */
bool session_is_of_same_user(const struct auth_session *a, const struct auth_session *b);

#endif
