/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sessions of this process: found by cookie or id, bounded in number.
 *
 * Nearly every request comes with the cookie of the session that was found last: comparing its
 * text, in constant time, spares the decryption. An id is 192 random bits and only ever reaches the
 * hash table out of a cookie that opened, so buckets can't be aimed at.
 */
#include <stdlib.h>

#include "auth/session/session_file.h"
#include "auth/session/session_lease.h"
#include "auth/session/session_private.h"
#include "base/clock.h"
#include "base/crypto.h"

#define OPENS_MAX 4u /* of one request's cookies of our name */

struct session_store *
session_store_new(const struct auth_settings *settings, struct loop *l, struct gitlab *gitlab,
		  const struct cookie_box *cookies, struct err *e)
{
	struct session_store *st = calloc(1, sizeof(*st));

	if (st == NULL) {
		err_set(e, ERR_MEMORY, "session store");
		return NULL;
	}
	st->settings = settings;
	st->loop = l;
	st->gitlab = gitlab;
	st->cookies = cookies;
	if (settings->state_dir == NULL)
		return st;
	st->file = session_file_open(st, e);
	if (st->file == NULL) {
		session_store_free(st);
		return NULL;
	}
	return st;
}

void
session_store_free(struct session_store *st)
{
	if (st == NULL)
		return;
	session_file_close(st->file);
	st->file = NULL;
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		while (st->buckets[i] != NULL)
			session_free_silently(st->buckets[i]);
	}
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
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket)
			session_review_cookie(s);
	}
}

size_t
session_store_count(const struct session_store *st)
{
	return st->count;
}

void
session_store_hold_tokens(struct session_store *st, bool hold)
{
	st->holds_tokens = hold;
}

static struct auth_session **
bucket_of(struct session_store *st, const uint8_t id[SESSION_ID_BYTES])
{
	return &st->buckets[id[0] % SESSION_BUCKETS];
}

static struct auth_session *
least_recently_used(const struct session_store *st)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct auth_session *oldest = NULL;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket) {
			bool is_better = oldest == NULL ||
					 (oldest->watches != NULL && s->watches == NULL) ||
					 ((oldest->watches != NULL) == (s->watches != NULL) &&
					  now_ms - s->used_ms > now_ms - oldest->used_ms);

			if (is_better)
				oldest = s;
		}
	}
	return oldest;
}

void
session_store_add(struct auth_session *s)
{
	struct session_store *st = s->store;
	struct auth_session **bucket;

	if (st->count >= SESSIONS_MAX)
		session_end(least_recently_used(st), AUTH_END_EXPIRED);
	bucket = bucket_of(st, s->id);
	s->next_in_bucket = *bucket;
	*bucket = s;
	st->count++;
}

void
session_store_remove(struct auth_session *s)
{
	struct session_store *st = s->store;
	struct auth_session **at = bucket_of(st, s->id);

	while (*at != s)
		at = &(*at)->next_in_bucket;
	*at = s->next_in_bucket;
	if (st->last == s)
		st->last = NULL;
	if (st->opened.session == s)
		st->opened.session = NULL;
	st->count--;
}

struct auth_session *
session_find_id(struct session_store *st, const uint8_t id[SESSION_ID_BYTES])
{
	struct auth_session *s = *bucket_of(st, id);
	const struct str wanted = {(const char *)id, SESSION_ID_BYTES};

	while (s != NULL && !crypto_equal((struct str){(char *)s->id, sizeof(s->id)}, wanted))
		s = s->next_in_bucket;
	return s;
}

/* The session whose cookie for this host came last, when this is it. */
static struct auth_session *
find_known(struct session_store *st, const struct auth_facts *facts, struct str text)
{
	const struct session_opened *o = &st->opened;
	struct auth_session *s = facts->port == 0 ? st->last : o->session;

	if (s == NULL || (facts->port != 0 && o->port != facts->port))
		return NULL;
	return crypto_equal(facts->port == 0 ? session_cookie(s) : (struct str){o->text, o->len},
			    text)
		       ? s
		       : NULL;
}

static void
remember(struct session_store *st, const struct auth_facts *facts, struct str text,
	 struct auth_session *s)
{
	st->opened = (struct session_opened){.session = s, .port = facts->port, .len = text.len};
	memcpy(st->opened.text, text.data, text.len);
}

static struct auth_session *
find_by_text(struct session_store *st, const struct auth_facts *facts, struct str text,
	     unsigned *opens_left)
{
	struct auth_session *s = NULL;
	uint8_t id[SESSION_ID_BYTES];

	if ((s = find_known(st, facts, text)) != NULL)
		return s;
	if (*opens_left == 0)
		return NULL;
	--*opens_left;
	if (session_open_cookie(st, facts, text, id))
		s = session_find_id(st, id);
	if (s != NULL && facts->port != 0)
		remember(st, facts, text, s);
	secret_wipe(id, sizeof(id));
	return s;
}

struct auth_session *
session_find(struct session_store *st, const struct auth_facts *facts)
{
	struct str wanted = str_from(st->settings->cookie_name);
	unsigned opens_left = OPENS_MAX;
	struct cookie_scan scan;
	struct str name;
	struct str value;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		struct auth_session *s;

		if (!str_equal(name, wanted))
			continue;
		s = find_by_text(st, facts, value, &opens_left);
		if (s == NULL || session_has_expired(s))
			continue;
		session_note_return(s, facts);
		st->last = s;
		return s;
	}
	return NULL;
}

unsigned
session_count_unused(const struct session_store *st, uint64_t user_id, int64_t until_ms,
		     int64_t window_ms)
{
	unsigned count = 0;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket) {
			if (s->user.id == user_id && !s->has_been_used &&
			    s->opened_wall_ms <= until_ms &&
			    s->opened_wall_ms > until_ms - window_ms)
				count++;
		}
	}
	return count;
}

static struct auth_session *
find_user(const struct session_store *st, uint64_t user_id)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = st->buckets[i]; s != NULL; s = s->next_in_bucket) {
			if (s->user.id == user_id)
				return s;
		}
	}
	return NULL;
}

/* Whoever is told may end sessions, so each is looked up anew. */
void
session_end_all_of_user(struct session_store *st, const struct auth_session *s)
{
	uint64_t user_id = s->user.id;
	struct auth_session *next;

	while ((next = find_user(st, user_id)) != NULL)
		session_end(next, AUTH_END_SIGNED_OUT);
}
