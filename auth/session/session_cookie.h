/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session cookies: the session's id, sealed for the host that sets the cookie. If facts are NULL,
 * that is the workspace's own host.
 */
#ifndef AUTH_SESSION_SESSION_COOKIE_H
#define AUTH_SESSION_SESSION_COOKIE_H

#include "auth/cookie/cookie.h"
#include "auth/session/session.h"

/* The text of the cookie for the workspace's own host: the same as long as its key counts. */
struct str session_cookie(const struct auth_session *s);

/* Appends the text of the cookie for the host that facts name, which counts only there. */
bool session_seal_cookie(const struct auth_session *s, const struct auth_facts *facts,
			 struct buf *out, struct err *e) MUST_CHECK;

/* The id in a cookie's text. False for everything that we did not seal for this host. */
bool session_open_cookie(const struct session_store *st, const struct auth_facts *facts,
			 struct str text, uint8_t id[SESSION_ID_BYTES]) MUST_CHECK;

/* Makes the text that session_cookie returns. */
bool session_set_cookie(struct auth_session *s, struct err *e) MUST_CHECK;
/* Replaces that text where none of the keys opens it any more. */
void session_review_cookie(struct auth_session *s);

/*
 * Notes that a browser was given the cookie of a port's host, after a flow that started then. False
 * when the last ones, given before, never came back: the browser keeps no cookies and would be
 * redirected for ever.
 */
bool session_note_port_cookie(struct auth_session *s, int64_t flow_started_ms) MUST_CHECK;

/* A request came with the session's cookie. */
void session_note_return(struct auth_session *s, const struct auth_facts *facts);

#endif
