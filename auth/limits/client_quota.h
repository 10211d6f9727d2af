/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A concurrency limit for requests to GitLab, in total and per client, so that one client with
 * many invalid codes or tokens does not block the others.
 *
 * A client is an IPv4 address or an IPv6 /64 network. All clients without a known address (a unix
 * socket, an address that does not parse) count as one.
 */
#ifndef AUTH_LIMITS_CLIENT_QUOTA_H
#define AUTH_LIMITS_CLIENT_QUOTA_H

#include "base/list.h"
#include "base/str.h"

/* A member of whatever is limited. */
struct client_quota_entry {
	LIST_ENTRY(client_quota_entry) entry;
	uint64_t client;
};

LIST_HEAD(client_quota_list, client_quota_entry);
struct client_quota {
	struct client_quota_list entries;
	size_t count;
};

/* Returns a number that identifies the client with this IP. Never 0. */
uint64_t client_key(struct str client_ip);

/* Whether the client may start another one. */
bool client_quota_has_room(const struct client_quota *q, struct str client_ip, size_t max,
			   size_t per_client_max);

void client_quota_add(struct client_quota *q, struct client_quota_entry *e, struct str client_ip);
/* May be called twice. */
void client_quota_remove(struct client_quota *q, struct client_quota_entry *e);

#endif
