/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peers.h. A chained hash table of a fixed size, by a keyed hash.
 */
#include "proxy/downstream/peers.h"

#include <stdlib.h>

#include "base/crypto.h"

struct peer {
	struct peer *next;
	uint64_t key;
	uint64_t count;
	bool was_refused;
};

/* The finish of a good mixer is enough here: the seed is secret, and a long chain costs little. */
static struct peer **
bucket_of(struct peers *all, uint64_t key)
{
	uint64_t hash = (key ^ all->seed) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return &all->buckets[(hash ^ hash >> 32) % PEERS_BUCKETS];
}

void
peers_init(struct peers *all)
{
	*all = (struct peers){.seed = 0};
	crypto_random(&all->seed, sizeof(all->seed));
}

void
peers_fini(struct peers *all)
{
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		err_assert(all->buckets[i] == NULL);
}

static struct peer *
find_or_add(struct peers *all, uint64_t key)
{
	struct peer **bucket = bucket_of(all, key);
	struct peer *peer = *bucket;

	while (peer != NULL && peer->key != key)
		peer = peer->next;
	if (peer != NULL)
		return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->key = key;
	peer->next = *bucket;
	*bucket = peer;
	return peer;
}

bool
peers_enter(struct peers *all, const struct address *a, uint64_t max, struct peer **peer,
	    bool *is_news)
{
	uint64_t key = address_client_key(a);

	*peer = NULL;
	*is_news = false;
	if (key == 0)
		return true;
	struct peer *found = find_or_add(all, key);
	if (found == NULL)
		return false;
	if (found->count >= max) {
		*is_news = !found->was_refused;
		found->was_refused = true;
		return false;
	}
	found->count++;
	*peer = found;
	return true;
}

void
peers_leave(struct peers *all, struct peer *peer)
{
	if (peer == NULL || --peer->count > 0)
		return;
	struct peer **link = bucket_of(all, peer->key);
	while (*link != peer)
		link = &(*link)->next;
	*link = peer->next;
	free(peer);
}
