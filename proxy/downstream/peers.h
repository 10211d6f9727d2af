/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each client address has: one client must not take them all.
 *
 * An IPv4 address is one client, and so is an IPv6 /64, since a machine may use all of such a
 * network. What has no IP (unix sockets) is not counted. Bounded by the connections that there are.
 */
#ifndef PROXY_DOWNSTREAM_PEERS_H
#define PROXY_DOWNSTREAM_PEERS_H

#include "base/net/address.h"

#define PEERS_BUCKETS 256u

struct peer;

struct peers {
	struct peer *buckets[PEERS_BUCKETS];
	uint64_t seed; /* so that nobody can choose addresses that meet in one bucket */
};

void peers_init(struct peers *all);
void peers_fini(struct peers *all); /* everybody must have left */

/*
 * Counts one more connection of this address, and *peer is what to give back with peers_leave
 * (NULL: not counted). False when it has max already, or without memory; *is_news says whether that
 * is the first refusal since the address last had no connection.
 */
bool peers_enter(struct peers *all, const struct address *a, uint64_t max, struct peer **peer,
		 bool *is_news) MUST_CHECK;
void peers_leave(struct peers *all, struct peer *peer); /* NULL is fine */

#endif
