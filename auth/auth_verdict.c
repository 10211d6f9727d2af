/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifetime of a verdict: its arena, and the session whose identity it shows.
 */
#include "auth/auth_verdict.h"

#include "auth/gate/verdict_fill.h"
#include "auth/session/session_lifetime.h"

void
auth_verdict_init(struct auth_verdict *v)
{
	memset(v, 0, sizeof(*v));
	arena_init(&v->arena, AUTH_VERDICT_MAX);
}

void
auth_verdict_fini(struct auth_verdict *v)
{
	session_unref(v->identity_session);
	v->identity_session = NULL;
	v->session = NULL;
	arena_fini(&v->arena);
}
