/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sessions of this process: found by cookie or by id, bounded in number, and stored in
 * STATE_DIR where that is set.
 */
#ifndef AUTH_SESSION_SESSION_STORE_H
#define AUTH_SESSION_SESSION_STORE_H

#include "auth/cookie/cookie.h"
#include "auth/session/session.h"

/* settings, gitlab and cookies must outlive it. */
struct session_store *session_store_new(const struct auth_settings *settings, struct loop *l,
					struct gitlab *gitlab, const struct cookie_box *cookies,
					struct err *e) MUST_CHECK;
/* Ends all sessions without revoking tokens or notifying watches. */
void session_store_free(struct session_store *st);

/* Replaces the keys of the file: see auth_replace_keys. */
bool session_store_replace_keys(struct session_store *st, const struct auth_keys *keys,
				struct err *e) MUST_CHECK;
/* Call it after the keys of the cookies were replaced. */
void session_store_review_cookies(struct session_store *st);
size_t session_store_count(const struct session_store *st);

/* Returns the session that a request's cookie names, unless it has expired; or NULL. */
struct auth_session *session_find(struct session_store *st, const struct auth_facts *facts);

/* As session_find, for a callback. It does not prove that the browser keeps the cookie: a proxy may
 * pass cookies to our endpoints only. */
struct auth_session *session_find_for_callback(struct session_store *st,
					       const struct auth_facts *facts);

/* Finds a session by id, as returned by session_id; NULL: it has ended. */
struct auth_session *session_find_id(struct session_store *st, const uint8_t id[SESSION_ID_BYTES]);

#endif
