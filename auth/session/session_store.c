/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of sessions, and finding the one of a request.
 *
 * Nearly every request comes with the cookie of the session that was found last: comparing its
 * text, in constant time, saves the decryption.
 */
#include "auth/session/session_store.h"

#include <stdlib.h>

#include "auth/session/session_cookie.h"
#include "auth/session/session_file.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"
#include "auth/session/session_table.h"
#include "base/crypto/crypto_equal.h"

#define DECRYPTIONS_MAX 4u /* cookies of our name in one request */

static bool
open_file(struct session_store *st, struct err *e)
{
	const struct session_file_events events = {
		.restore = session_restore,
		.stored = session_recheck_resume,
	};

	if (st->settings->state_dir == NULL)
		return true;
	st->file = session_file_open(st, &events, e);
	return st->file != NULL;
}

struct session_store *
session_store_new(const struct auth_settings *settings, struct loop *l, struct gitlab *gitlab,
		  const struct cookie_box *cookies, struct err *e)
{
	struct session_store *st = err_alloc(e, sizeof(*st), "session store");

	if (st == NULL)
		return NULL;
	st->settings = settings;
	st->loop = l;
	st->gitlab = gitlab;
	st->cookies = cookies;
	if (!open_file(st, e)) {
		session_store_free(st);
		return NULL;
	}
	return st;
}

void
session_store_free(struct session_store *st)
{
	struct auth_session *s;

	if (st == NULL)
		return;
	session_file_close(st->file);
	st->file = NULL;
	while ((s = session_table_next(&st->table, NULL)) != NULL)
		session_free(s);
	free(st);
}

bool
session_store_replace_keys(struct session_store *st, const struct auth_keys *keys, struct err *e)
{
	return st->file == NULL || session_file_replace_keys(st->file, keys, e);
}

void
session_store_review_cookies(struct session_store *st)
{
	struct auth_session *s = NULL;

	/* Found by their text alone: the next one is decrypted again. */
	st->last_port.session = NULL;
	st->last_guest.session = NULL;
	while ((s = session_table_next(&st->table, s)) != NULL)
		session_review_cookie(s);
}

size_t
session_store_count(const struct session_store *st)
{
	return st->table.count;
}

struct auth_session *
session_find_id(struct session_store *st, const uint8_t id[SESSION_ID_BYTES])
{
	return session_table_find(&st->table, id);
}

static struct auth_session *
find_port_cookie(const struct session_port_cookie *p, const struct auth_facts *facts,
		 struct str text)
{
	return p->session != NULL && p->port == facts->port &&
			       crypto_equal((struct str){p->text, p->len}, text)
		       ? p->session
		       : NULL;
}

/* Returns the session whose cookie for this host came last, if the text is that cookie. */
static struct auth_session *
find_last(struct session_store *st, const struct auth_facts *facts, struct str text)
{
	struct auth_session *s = st->last;

	if (facts->port == 0)
		return s != NULL && crypto_equal(session_cookie(s), text) ? s : NULL;
	s = find_port_cookie(&st->last_port, facts, text);
	return s != NULL ? s : find_port_cookie(&st->last_guest, facts, text);
}

static void
remember_port_cookie(struct session_store *st, const struct auth_facts *facts, struct str text,
		     struct auth_session *s)
{
	struct session_port_cookie *p = session_is_guest(s) ? &st->last_guest : &st->last_port;

	*p = (struct session_port_cookie){.session = s, .port = facts->port, .len = text.len};
	memcpy(p->text, text.data, text.len);
}

static struct auth_session *
find_by_text(struct session_store *st, const struct auth_facts *facts, struct str text,
	     unsigned *decryptions_left)
{
	struct auth_session *s = find_last(st, facts, text);
	uint8_t id[SESSION_ID_BYTES];

	if (s != NULL || *decryptions_left == 0)
		return s;
	--*decryptions_left;
	if (session_open_cookie(st, facts, text, id))
		s = session_find_id(st, id);
	if (s != NULL && !session_is_for_port(s, facts->port))
		s = NULL;
	if (s != NULL && facts->port != 0)
		remember_port_cookie(st, facts, text, s);
	secret_wipe(id, sizeof(id));
	return s;
}

struct auth_session *
session_find(struct session_store *st, const struct auth_facts *facts)
{
	struct auth_session *s = session_find_for_callback(st, facts);

	if (s != NULL)
		session_note_return(s, facts);
	return s;
}

struct auth_session *
session_find_for_callback(struct session_store *st, const struct auth_facts *facts)
{
	struct str wanted = str_from(st->settings->cookie_name);
	unsigned decryptions_left = DECRYPTIONS_MAX;
	struct cookie_scan scan;
	struct str name;
	struct str value;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		struct auth_session *s;

		if (!str_equal(name, wanted))
			continue;
		s = find_by_text(st, facts, value, &decryptions_left);
		if (s == NULL || session_has_expired(s))
			continue;
		if (!session_is_guest(s))
			st->last = s;
		return s;
	}
	return NULL;
}
