/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See slots.h. There are few, so they are counted by looking.
 */
#include "auth/slots.h"

#include "base/address.h"

/* 0: unknown. */
static uint64_t
find_client(struct str ip)
{
	struct address a;
	struct err e = ERR_INIT;

	return address_from_host(&a, ip, 0, &e) ? address_client_key(&a) : 0;
}

bool
slots_have_room(const struct slots *all, struct str client_ip, size_t max, size_t per_client_max)
{
	uint64_t client = find_client(client_ip);
	size_t of_client = 0;

	for (const struct slot *s = all->first; s != NULL; s = s->next)
		of_client += client != 0 && s->client == client;
	return all->count < max && of_client < per_client_max;
}

void
slots_take(struct slots *all, struct slot *s, struct str client_ip)
{
	*s = (struct slot){
		.next = all->first, .link = &all->first, .client = find_client(client_ip)};
	if (s->next != NULL)
		s->next->link = &s->next;
	all->first = s;
	all->count++;
}

void
slots_give(struct slots *all, struct slot *s)
{
	if (s->link == NULL)
		return;
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	s->link = NULL;
	all->count--;
}
