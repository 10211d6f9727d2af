/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list with the newest target first.
 */
#include "auth/login/return_target.h"

#include <stdlib.h>

#include "auth/limits/client_quota.h"
#include "base/clock.h"

#define KEPT_MS (3600 * UINT64_C(1000))

struct return_target {
	TAILQ_ENTRY(return_target) entry;
	uint64_t added_ms;
	uint64_t client;
	char key[RETURN_TARGET_KEY_LEN];
	size_t len;
	char text[];
};

void
return_targets_init(struct return_targets *all)
{
	TAILQ_INIT(&all->list);
	all->bytes = 0;
}

static size_t
size_of(const struct return_target *t)
{
	return sizeof(*t) + t->len;
}

static void
drop(struct return_targets *all, struct return_target *t)
{
	TAILQ_REMOVE(&all->list, t, entry);
	all->bytes -= size_of(t);
	free(t);
}

void
return_targets_fini(struct return_targets *all)
{
	struct return_target *t;

	while ((t = TAILQ_FIRST(&all->list)) != NULL)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has left the list */
		drop(all, t);
}

static bool
is_expired(const struct return_target *t)
{
	return clock_monotonic_ms() - t->added_ms > KEPT_MS;
}

/* Removes the client's oldest targets until it has room for size bytes. */
static void
make_client_room(struct return_targets *all, uint64_t client, size_t size)
{
	struct return_target *t;
	struct return_target *newer;
	size_t bytes = size;

	TAILQ_FOREACH(t, &all->list, entry)
	bytes += t->client == client ? size_of(t) : 0;
	for (t = TAILQ_LAST(&all->list, return_target_list);
	     t != NULL && bytes > RETURN_TARGETS_CLIENT_BYTES_MAX; t = newer) {
		newer = TAILQ_PREV(t, return_target_list, entry);
		if (t->client != client)
			continue;
		bytes -= size_of(t);
		drop(all, t);
	}
}

static void
make_room(struct return_targets *all, uint64_t client, size_t size)
{
	struct return_target *oldest;

	make_client_room(all, client, size);
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): what was freed has left the list */
	while ((oldest = TAILQ_LAST(&all->list, return_target_list)) != NULL &&
	       (all->bytes + size > RETURN_TARGETS_BYTES_MAX || is_expired(oldest)))
		drop(all, oldest);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

void
return_targets_put(struct return_targets *all, struct str key, struct str client_ip,
		   struct str target)
{
	size_t size = sizeof(struct return_target) + target.len;
	uint64_t client = client_key(client_ip);
	struct return_target *t;

	err_assert(key.len == RETURN_TARGET_KEY_LEN && target.len <= RETURN_TARGET_MAX);
	make_room(all, client, size);
	t = calloc(1, size);
	if (t == NULL)
		return;
	t->added_ms = clock_monotonic_ms();
	t->client = client;
	t->len = target.len;
	memcpy(t->key, key.data, key.len);
	memcpy(t->text, target.data, target.len);
	TAILQ_INSERT_HEAD(&all->list, t, entry);
	all->bytes += size;
}

struct str
return_targets_find(const struct return_targets *all, struct str key, struct str client_ip)
{
	uint64_t client = client_key(client_ip);
	const struct return_target *t;

	if (key.len != RETURN_TARGET_KEY_LEN)
		return STR_NONE;
	TAILQ_FOREACH(t, &all->list, entry)
	{
		if (memcmp(t->key, key.data, key.len) == 0)
			return t->client != client || is_expired(t) ? STR_NONE
								    : (struct str){t->text, t->len};
	}
	return STR_NONE;
}
