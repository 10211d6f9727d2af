/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of sessions with a fixed number of buckets.
 */
#include "auth/session/session_table.h"

#include "auth/session/session_private.h"
#include "base/clock.h"
#include "base/crypto/crypto_equal.h"

static size_t
bucket_of(const uint8_t id[SESSION_ID_BYTES])
{
	return id[0] % SESSION_BUCKETS;
}

void
session_table_add(struct session_table *t, struct auth_session *s)
{
	LIST_INSERT_HEAD(&t->buckets[bucket_of(s->id)], s, entry);
	t->count++;
}

void
session_table_remove(struct session_table *t, struct auth_session *s)
{
	LIST_UNLINK(s, entry);
	t->count--;
}

struct auth_session *
session_table_find(const struct session_table *t, const uint8_t id[SESSION_ID_BYTES])
{
	const struct str wanted = {(const char *)id, SESSION_ID_BYTES};
	struct auth_session *s;

	LIST_FOREACH (s, &t->buckets[bucket_of(id)], entry) {
		if (crypto_equal(STR_BYTES(s->id), wanted))
			break;
	}
	return s;
}

struct auth_session *
session_table_next(const struct session_table *t, const struct auth_session *s)
{
	struct auth_session *next = s == NULL ? NULL : LIST_NEXT(s, entry);
	size_t i = s == NULL ? 0 : bucket_of(s->id) + 1;

	for (; next == NULL && i < SESSION_BUCKETS; i++)
		next = LIST_FIRST(&t->buckets[i]);
	return next;
}

struct auth_session *
session_table_find_user(const struct session_table *t, uint64_t user_id)
{
	struct auth_session *s = session_table_next(t, NULL);

	while (s != NULL && s->user.id != user_id)
		s = session_table_next(t, s);
	return s;
}

struct auth_session *
session_table_find_unused(const struct session_table *t, uint64_t user_id, size_t *count)
{
	struct auth_session *oldest = NULL;
	struct auth_session *s = NULL;

	*count = 0;
	while ((s = session_table_next(t, s)) != NULL) {
		if (s->user.id != user_id || s->cookie_returned)
			continue;
		++*count;
		if (oldest == NULL || s->opened_wall_ms < oldest->opened_wall_ms)
			oldest = s;
	}
	return oldest;
}

/* Times may wrap around, differences do not. */
static bool
is_older(const struct auth_session *a, const struct auth_session *b, uint64_t now_ms)
{
	bool a_is_watched = !LIST_EMPTY(&a->watches);
	bool b_is_watched = !LIST_EMPTY(&b->watches);

	if (a_is_watched != b_is_watched)
		return b_is_watched;
	return now_ms - a->used_ms > now_ms - b->used_ms;
}

struct auth_session *
session_table_least_recently_used(const struct session_table *t)
{
	uint64_t now_ms = clock_monotonic_ms();
	struct auth_session *oldest = NULL;
	struct auth_session *s = NULL;

	while ((s = session_table_next(t, s)) != NULL) {
		if (oldest == NULL || is_older(s, oldest, now_ms))
			oldest = s;
	}
	return oldest;
}
