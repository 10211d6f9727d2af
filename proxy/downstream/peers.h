/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts connections per client address, so that one client can't use them all.
 *
 * An IPv4 address is one client, and so is an IPv6 /64, because one machine can use any address in
 * its /64. Unix sockets are not counted. There are no more entries than connections.
 */
#ifndef PROXY_DOWNSTREAM_PEERS_H
#define PROXY_DOWNSTREAM_PEERS_H

#include "base/list.h"
#include "base/net/address.h"

#define PEERS_BUCKETS 256u

struct peer;

struct peers {
	SLIST_HEAD(, peer) buckets[PEERS_BUCKETS];
	uint64_t seed; /* keeps collisions unpredictable */
};

void peers_init(struct peers *all);
void peers_fini(struct peers *all); /* must be empty */

/*
 * Counts a connection of this address; *peer is for peers_leave (NULL: not counted). False at the
 * limit and without memory; *is_first_refusal is true for the first refusal of an address since it
 * had no connections.
 */
bool peers_enter(struct peers *all, const struct address *a, uint64_t max, struct peer **peer,
		 bool *is_first_refusal) MUST_CHECK;
void peers_leave(struct peers *all, struct peer *peer); /* does nothing for NULL */

#endif
