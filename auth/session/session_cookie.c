/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals and opens session cookies, and detects browsers that do not keep those of ports.
 */
#include "auth/session/session_cookie.h"

#include "auth/login/flow.h"
#include "auth/session/session_private.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"

static const char session_purpose[] = "session";

struct str
session_cookie(const struct auth_session *s)
{
	return (struct str){s->cookie, s->cookie_len};
}

bool
session_seal_cookie(const struct auth_session *s, const struct auth_facts *facts, struct buf *out,
		    struct err *e)
{
	const struct cookie_use use = {session_purpose, str_from(s->store->settings->cookie_name)};
	const struct cookie_box box = cookie_box_for(s->store->cookies, facts);

	return cookie_seal(&box, &use, STR_BYTES(s->id), out, e);
}

bool
session_set_cookie(struct auth_session *s, struct err *e)
{
	struct buf text;
	bool ok;

	buf_init(&text, sizeof(s->cookie));
	ok = session_seal_cookie(s, NULL, &text, e);
	if (ok) {
		memcpy(s->cookie, text.data, text.len);
		s->cookie_len = text.len;
	}
	buf_fini(&text);
	return ok;
}

/* The new text is given to no browser; it only replaces the old one, which must no longer be
 * accepted. */
void
session_review_cookie(struct auth_session *s)
{
	struct err e = ERR_INIT;
	uint8_t id[SESSION_ID_BYTES];

	if (s->cookie_len == 0 || session_open_cookie(s->store, NULL, session_cookie(s), id) ||
	    session_set_cookie(s, &e))
		return;
	crypto_random(s->cookie, s->cookie_len);
}

bool
session_open_cookie(const struct session_store *st, const struct auth_facts *facts, struct str text,
		    uint8_t id[SESSION_ID_BYTES])
{
	const struct cookie_use use = {session_purpose, str_from(st->settings->cookie_name)};
	const struct cookie_box box = cookie_box_for(st->cookies, facts);
	struct buf plain;
	bool ok;

	buf_init(&plain, SESSION_COOKIE_MAX);
	ok = text.len < SESSION_COOKIE_MAX && cookie_open(&box, &use, text, &plain) &&
	     plain.len == SESSION_ID_BYTES;
	if (ok)
		memcpy(id, plain.data, SESSION_ID_BYTES);
	buf_wipe_fini(&plain);
	return ok;
}

/* Cookies given after the flow had started prove nothing: several tabs may be open at once. */
bool
session_note_port_cookie(struct auth_session *s, int64_t flow_started_ms)
{
	size_t lost = 0;

	for (size_t i = 0; i < SESSION_PORT_COOKIES_MAX; i++) {
		int64_t at_ms = s->port_cookies_ms[i];

		if (at_ms != 0 && at_ms <= flow_started_ms &&
		    at_ms > flow_started_ms - FLOW_ROUNDS_MS)
			lost++;
	}
	if (lost == SESSION_PORT_COOKIES_MAX)
		return false;
	s->port_cookies_ms[s->next_port_cookie++ % SESSION_PORT_COOKIES_MAX] = clock_wall_ms();
	return true;
}

void
session_note_return(struct auth_session *s, const struct auth_facts *facts)
{
	s->cookie_returned = true;
	if (facts->port != 0)
		memset(s->port_cookies_ms, 0, sizeof(s->port_cookies_ms));
}
