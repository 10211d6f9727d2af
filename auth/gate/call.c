/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of pending verdicts.
 */
#include "auth/gate/call.h"

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
	LIST_INSERT_HEAD(&a->calls, c, entry);
	a->calls_count++;
}

void
call_unlink(struct auth_call *c)
{
	LIST_REMOVE(c, entry);
	c->auth->calls_count--;
}
