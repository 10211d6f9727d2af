/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cookie "<session cookie>-recent": ids of sessions, sealed.
 */
#include "auth/session/session_history.h"

#include "auth/session/session_private.h"
#include "auth/session/session_table.h"

#define NAME_MAX_BYTES 256u

static const char history_purpose[] = "recent sessions";

static bool
build_name(const struct session_store *st, struct buf *name)
{
	buf_init(name, NAME_MAX_BYTES);
	return buf_addf(name, "%s-recent", st->settings->cookie_name);
}

static bool
read_cookie(struct session_history *h, const struct session_store *st, struct str name,
	    struct str text)
{
	const struct cookie_use use = {history_purpose, name};
	struct buf plain;
	bool ok;

	buf_init(&plain, sizeof(h->ids));
	ok = cookie_open(st->cookies, &use, text, &plain) && plain.len % SESSION_ID_BYTES == 0;
	if (ok) {
		memcpy(h->ids, plain.data, plain.len);
		h->count = plain.len / SESSION_ID_BYTES;
	}
	buf_wipe_fini(&plain);
	return ok;
}

void
session_history_read(struct session_history *h, const struct session_store *st,
		     const struct auth_facts *facts)
{
	struct cookie_scan scan;
	struct buf wanted;
	struct str name;
	struct str value;

	*h = (struct session_history){.count = 0};
	cookie_scan_init(&scan, facts);
	if (build_name(st, &wanted)) {
		while (cookie_scan_next(&scan, &name, &value)) {
			if (str_equal(name, buf_view(&wanted))) {
				(void)read_cookie(h, st, name, value);
				break;
			}
		}
	}
	buf_fini(&wanted);
}

static bool
is_unused(const struct auth_session *s, int64_t before_ms)
{
	return !s->cookie_returned && s->opened_wall_ms < before_ms &&
	       s->opened_wall_ms > before_ms - INT64_C(1000) * SESSION_HISTORY_AGE_S;
}

void
session_history_note_replaced(struct session_history *h, const struct auth_session *old,
			      int64_t login_started_ms)
{
	bool counts = old != NULL && is_unused(old, login_started_ms);

	h->unused_in_row = counts ? old->unused_in_row + 1 : 0;
}

bool
session_history_shows_lost_cookies(const struct session_history *h, const struct session_store *st,
				   int64_t before_ms)
{
	if (h->unused_in_row >= SESSION_HISTORY_MAX)
		return true;
	for (size_t i = 0; i < h->count; i++) {
		const struct auth_session *s = session_table_find(&st->table, h->ids[i]);

		if (s == NULL || !is_unused(s, before_ms))
			return false;
	}
	return h->count == SESSION_HISTORY_MAX;
}

const char *
session_history_add(const struct session_history *h, struct auth_session *s, struct arena *arena)
{
	const struct session_store *st = s->store;
	size_t kept = h->count < SESSION_HISTORY_MAX ? h->count : SESSION_HISTORY_MAX - 1;
	struct err e = ERR_INIT;
	const char *set_cookie = NULL;
	struct buf plain;
	struct buf text;
	struct buf name;

	s->unused_in_row = h->unused_in_row;
	buf_init(&plain, sizeof(h->ids));
	buf_init(&text, COOKIE_TEXT_MAX);
	buf_add(&plain, s->id, sizeof(s->id));
	buf_add(&plain, h->ids, kept * SESSION_ID_BYTES);
	if (build_name(st, &name)) {
		const struct cookie_use use = {history_purpose, buf_view(&name)};

		if (buf_is_ok(&plain) &&
		    cookie_seal(st->cookies, &use, buf_view(&plain), &text, &e))
			set_cookie = cookie_format(st->cookies, arena, buf_view(&name),
						   buf_view(&text), SESSION_HISTORY_AGE_S);
	}
	buf_fini(&name);
	buf_fini(&text);
	buf_wipe_fini(&plain);
	return set_cookie;
}

const char *
session_history_clear(const struct session_store *st, struct arena *arena)
{
	const char *set_cookie = NULL;
	struct buf name;

	if (build_name(st, &name))
		set_cookie = cookie_format(st->cookies, arena, buf_view(&name), STR_NONE, 0);
	buf_fini(&name);
	return set_cookie;
}
