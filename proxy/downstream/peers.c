/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chained hash table of fixed size with a keyed hash.
 */
#include "proxy/downstream/peers.h"

#include <stdlib.h>

#include "base/crypto/crypto.h"

struct peer {
	SLIST_ENTRY(peer) entry;
	uint64_t key;
	uint64_t count;
	bool was_refused;
};

/* A simple hash suffices: the seed is secret, and a long chain costs little. */
static size_t
bucket_of(const struct peers *all, uint64_t key)
{
	uint64_t hash = (key ^ all->seed) * UINT64_C(0x9e3779b97f4a7c15);

	hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (hash ^ hash >> 32) % PEERS_BUCKETS;
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
		err_assert(SLIST_EMPTY(&all->buckets[i]));
}

static struct peer *
find_or_add(struct peers *all, uint64_t key)
{
	size_t bucket = bucket_of(all, key);
	struct peer *peer;

	SLIST_FOREACH (peer, &all->buckets[bucket], entry)
		if (peer->key == key)
			return peer;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return NULL;
	peer->key = key;
	SLIST_INSERT_HEAD(&all->buckets[bucket], peer, entry);
	return peer;
}

bool
peers_enter(struct peers *all, const struct address *a, uint64_t max, struct peer **peer,
	    bool *is_first_refusal)
{
	uint64_t key = address_client_key(a);

	*peer = NULL;
	*is_first_refusal = false;
	if (key == 0)
		return true;
	struct peer *found = find_or_add(all, key);
	if (found == NULL)
		return false;
	if (found->count >= max) {
		*is_first_refusal = !found->was_refused;
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
	SLIST_REMOVE(&all->buckets[bucket_of(all, peer->key)], peer, peer, entry);
	free(peer);
}
