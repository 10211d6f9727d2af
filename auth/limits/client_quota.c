/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the running requests to GitLab of each client. The limits are small, so a list is enough.
 */
#include "auth/limits/client_quota.h"

#include "base/net/address.h"

/* The key of unknown addresses, also of ::/64 and 0.0.0.1 (see address_client_key). */
#define CLIENT_UNKNOWN UINT64_C(1)

uint64_t
client_key(struct str client_ip)
{
	struct address a;
	struct err e = ERR_INIT;
	uint64_t key = address_from_host(&a, client_ip, 0, &e) ? address_client_key(&a) : 0;

	return key == 0 ? CLIENT_UNKNOWN : key;
}

bool
client_quota_has_room(const struct client_quota *q, struct str client_ip, size_t max,
		      size_t per_client_max)
{
	uint64_t client = client_key(client_ip);
	const struct client_quota_entry *e;
	size_t of_client = 0;

	LIST_FOREACH (e, &q->entries, entry)
		of_client += e->client == client;
	return q->count < max && of_client < per_client_max;
}

void
client_quota_add(struct client_quota *q, struct client_quota_entry *e, struct str client_ip)
{
	*e = (struct client_quota_entry){.client = client_key(client_ip)};
	LIST_INSERT_HEAD(&q->entries, e, entry);
	q->count++;
}

void
client_quota_remove(struct client_quota *q, struct client_quota_entry *e)
{
	if (!LIST_IS_LINKED(e, entry))
		return;
	LIST_UNLINK(e, entry);
	q->count--;
}
