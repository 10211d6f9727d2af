/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: who signed in, with which tokens, until when; kept in memory, bounded in number.
 *
 * A session ends by age, by idleness, by sign-out, or when GitLab refuses its user; whoever watches
 * is told. While it is used, its authorization is asked again: session_recheck.h. Its token is lent
 * to git: session_lend.h. Cookies and requests are others' business.
 */
#ifndef AUTH_SESSION_SESSION_H
#define AUTH_SESSION_SESSION_H

#include "auth/auth.h"
#include "auth/cookie.h"
#include "auth/gitlab/gitlab.h"

#define SESSION_ID_BYTES 24u
#define SESSIONS_MAX	 1000u

struct session_store;

/* settings, gitlab and cookies outlive it. */
struct session_store *session_store_new(const struct auth_settings *settings, struct loop *l,
					struct gitlab *gitlab, const struct cookie_box *cookies,
					struct err *e) MUST_CHECK;
void session_store_free(struct session_store *st); /* ends all without revoking or telling */
/* Of the file: see auth_replace_keys. */
bool session_store_replace_keys(struct session_store *st, const struct auth_keys *keys,
				struct err *e) MUST_CHECK;
/* The keys of the cookies that it was made with are others now. */
void session_store_review_cookies(struct session_store *st);
size_t session_store_count(const struct session_store *st);

/*
 * A new session under a fresh id, just authorized. Takes the tokens. When the store is full, the
 * session that has not been used for longest ends. NULL: the tokens are still the caller's.
 */
struct auth_session *session_new(struct session_store *st, const struct gitlab_user *user,
				 struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* As session_new, for a token that stays its bearer's: found by id only, never revoked, never
 * stored. */
struct auth_session *session_new_borrowed(struct session_store *st, const struct gitlab_user *user,
					  struct gitlab_tokens *tokens, struct err *e) MUST_CHECK;

/* Whether it has neither aged nor idled out. */
bool session_is_usable(const struct auth_session *s);

/* The session that a request's cookie names, if it may still be used; else NULL. */
struct auth_session *session_find(struct session_store *st, const struct auth_facts *facts);

/* Appends the text of the session's cookie for the host that facts name: only there it counts. */
bool session_seal_cookie(const struct auth_session *s, const struct auth_facts *facts,
			 struct buf *out, struct err *e) MUST_CHECK;

/*
 * Notes that a browser was given the cookie of a port's host, after a flow that started then. False
 * when the last ones, given before, never came back: then it keeps no cookies, and would go round
 * for ever.
 */
bool session_note_handover(struct auth_session *s, int64_t flow_started_ms) MUST_CHECK;

/* By id, as session_id gave it; NULL when it has ended. */
struct auth_session *session_find_id(struct session_store *st, const uint8_t id[SESSION_ID_BYTES]);
const uint8_t *session_id(const struct auth_session *s);

/* The text of the session's cookie: the same as long as its key counts. */
struct str session_cookie(const struct auth_session *s);
struct auth_identity session_identity(const struct auth_session *s); /* views into it */

/* Keeps the memory, and with it the identity, of a session that may end meanwhile. */
void session_keep(struct auth_session *s);
void session_let_go(struct auth_session *s); /* NULL is fine */

/* How many sessions of this user were opened within window_ms before a point of the wall clock, and
 * never came back with a request: a browser that keeps no cookies leaves them behind. */
unsigned session_count_unused(const struct session_store *st, uint64_t user_id, int64_t until_ms,
			      int64_t window_ms);

/* Marks the session used now. */
void session_touch(struct auth_session *s);

/* Moves those who watch to another session of the same user. */
void session_move_watches(struct auth_session *from, struct auth_session *to);

/* Ends it: tells watches and waits, revokes the tokens, frees unless it is kept. */
void session_end(struct auth_session *s, enum auth_end reason);

/* Signs out every session of s's user, s too. */
void session_end_all_of_user(struct session_store *st, const struct auth_session *s);

#endif
