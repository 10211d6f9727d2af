/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places for work that GitLab is asked for: a few in all, and of them one client gets only a share,
 * so that nobody keeps the others out by bringing many bad codes or tokens.
 */
#ifndef AUTH_CLIENT_QUOTA_H
#define AUTH_CLIENT_QUOTA_H

#include "base/str.h"

/* Embedded in what takes a place. */
struct slot {
	struct slot *next;
	struct slot **link; /* NULL: not taken */
	uint64_t client;
};

struct client_quota {
	struct slot *first;
	size_t count;
};

/* Whether another one of this client (an IP; unknown ones have no share of their own) may begin. */
bool client_quota_has_room(const struct client_quota *all, struct str client_ip, size_t max,
			   size_t per_client_max);

void client_quota_take(struct client_quota *all, struct slot *s, struct str client_ip);
void client_quota_release(struct client_quota *all, struct slot *s); /* twice is fine */

#endif
