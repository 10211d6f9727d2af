/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session cookies: the session's id, sealed for the host that sets the cookie. If facts are NULL,
 * that is the workspace's own host.
 */
#ifndef AUTH_SESSION_SESSION_COOKIE_H
#define AUTH_SESSION_SESSION_COOKIE_H

#include "auth/cookie/cookie.h"
#include "auth/session/session.h"

/* Returns the text of the cookie for the workspace's own host. It stays the same as long as its key
 * is valid. */
struct str session_cookie(const struct auth_session *s);

/* Appends the text of the cookie for the host that facts name, which is valid for that host
 * only. */
bool session_seal_cookie(const struct auth_session *s, const struct auth_facts *facts,
			 struct buf *out, struct err *e) MUST_CHECK;

/* Reads the id in a cookie's text. False: not sealed by us for this host. */
bool session_open_cookie(const struct session_store *st, const struct auth_facts *facts,
			 struct str text, uint8_t id[SESSION_ID_BYTES]) MUST_CHECK;

/* Creates the text that session_cookie returns. */
bool session_set_cookie(struct auth_session *s, struct err *e) MUST_CHECK;
/* Replaces that text if no key opens it any more. */
void session_review_cookie(struct auth_session *s);

/* Notes that the browser got a cookie for a port's host after a flow that started then. False:
 * earlier cookies never came back, so the browser keeps none and would be redirected forever. */
bool session_note_port_cookie(struct auth_session *s, int64_t flow_started_ms) MUST_CHECK;

/* Notes that a request brought the session's cookie. */
void session_note_return(struct auth_session *s, const struct auth_facts *facts);

#endif
