/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places for work that GitLab is asked for: a few in all, and of them one client gets only a share,
 * so that nobody keeps the others out by bringing many bad codes or tokens.
 */
#ifndef AUTH_SLOTS_H
#define AUTH_SLOTS_H

#include "base/str.h"

/* Embedded in what takes a place. */
struct slot {
	struct slot *next;
	struct slot **link; /* NULL: not taken */
	uint64_t client;
};

struct slots {
	struct slot *first;
	size_t count;
};

/* Whether another one of this client (an IP; unknown ones have no share of their own) may begin. */
bool slots_have_room(const struct slots *all, struct str client_ip, size_t max,
		     size_t per_client_max);

void slots_take(struct slots *all, struct slot *s, struct str client_ip);
void slots_give(struct slots *all, struct slot *s); /* twice is fine */

#endif
