/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions recently issued to one browser, kept in a sealed cookie of its own. Detects a
 * browser that drops session cookies, independently of the user's other browsers.
 */
#ifndef AUTH_SESSION_SESSION_HISTORY_H
#define AUTH_SESSION_SESSION_HISTORY_H

#include "auth/cookie/cookie.h"
#include "auth/session/session.h"

#define SESSION_HISTORY_MAX   3u
#define SESSION_HISTORY_AGE_S 60u

struct session_history {
	uint8_t ids[SESSION_HISTORY_MAX][SESSION_ID_BYTES]; /* the latest first */
	size_t count;
	unsigned unused_in_row; /* see session_history_note_replaced */
};

/* Reads the history from the browser's cookie; empty if it sent none that opens. */
void session_history_read(struct session_history *h, const struct session_store *st,
			  const struct auth_facts *facts);

/*
 * The login replaces this session (NULL: none). A replaced session counts if it was opened before
 * the login began and only callbacks brought its cookie: the browser has the cookie, but does not
 * send it.
 */
void session_history_note_replaced(struct session_history *h, const struct auth_session *old,
				   int64_t login_started_ms);

/*
 * Whether the browser does not keep cookies: SESSION_HISTORY_MAX sessions in a row were replaced
 * this way, or none of its last SESSION_HISTORY_MAX sessions that were opened before this time
 * (wall clock) and have not ended came back with a request. Later ones prove nothing, because
 * several tabs may sign in at once.
 */
bool session_history_shows_lost_cookies(const struct session_history *h,
					const struct session_store *st, int64_t before_ms);

/* Returns the Set-Cookie value of a history with s added; NULL: out of memory. */
const char *session_history_add(const struct session_history *h, struct auth_session *s,
				struct arena *arena);
/* Returns the Set-Cookie value that removes the cookie, for a user who signs out. */
const char *session_history_clear(const struct session_store *st, struct arena *arena);

#endif
