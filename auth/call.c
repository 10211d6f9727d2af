/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of verdicts that are still being found.
 */
#include "auth/call.h"

#include "auth/auth_private.h"

bool
call_may_start(const struct auth *a)
{
	return a->calls_count < AUTH_CALLS_MAX;
}

void
call_link(struct auth_call *c, struct auth *a)
{
	c->auth = a;
	c->next = a->calls;
	c->link = &a->calls;
	if (c->next != NULL)
		c->next->link = &c->next;
	a->calls = c;
	a->calls_count++;
}

void
call_unlink(struct auth_call *c)
{
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	c->auth->calls_count--;
}
