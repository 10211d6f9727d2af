/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See slots.h. There are few, so they are counted by looking.
 */
#include "auth/client_quota.h"

#include "base/net/address.h"

/* 0: unknown. */
static uint64_t
find_client(struct str ip)
{
	struct address a;
	struct err e = ERR_INIT;

	return address_from_host(&a, ip, 0, &e) ? address_client_key(&a) : 0;
}

bool
client_quota_has_room(const struct client_quota *all, struct str client_ip, size_t max,
		      size_t per_client_max)
{
	uint64_t client = find_client(client_ip);
	size_t of_client = 0;

	for (const struct slot *s = all->first; s != NULL; s = s->next)
		of_client += client != 0 && s->client == client;
	return all->count < max && of_client < per_client_max;
}

void
client_quota_take(struct client_quota *all, struct slot *s, struct str client_ip)
{
	*s = (struct slot){
		.next = all->first, .link = &all->first, .client = find_client(client_ip)};
	if (s->next != NULL)
		s->next->link = &s->next;
	all->first = s;
	all->count++;
}

void
client_quota_release(struct client_quota *all, struct slot *s)
{
	if (s->link == NULL)
		return;
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	s->link = NULL;
	all->count--;
}
