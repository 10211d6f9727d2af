/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for auth/ in the benchmark's second binary, which lets everybody in: the difference to
 * the real one is what checking a session costs. Never part of the product; see the case
 * "session-check".
 */
#include "auth/auth.h"
#include "auth/git_credential.h"

static char nothing;

struct auth *
auth_new(const struct auth_settings *settings, struct loop *l, struct fetch *f, struct err *e)
{
	(void)settings;
	(void)l;
	(void)f;
	(void)e;
	return (struct auth *)(void *)&nothing;
}

void
auth_free(struct auth *a)
{
	(void)a;
}

void
auth_verdict_init(struct auth_verdict *v)
{
	*v = (struct auth_verdict){.action = AUTH_PROBLEM, .status = 503};
	arena_init(&v->arena, 4096);
}

void
auth_verdict_fini(struct auth_verdict *v)
{
	arena_fini(&v->arena);
}

struct auth_call *
auth_check(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
	   auth_done_fn *done, void *arg)
{
	(void)a;
	(void)facts;
	(void)done;
	(void)arg;
	v->action = AUTH_ALLOW;
	v->status = 200;
	v->identity = (struct auth_identity){.user_id = STR("1"),
					     .username = STR("sasha"),
					     .name = STR("Sasha"),
					     .email = STR("sasha@example.com")};
	v->session = (struct auth_session *)(void *)&nothing;
	return NULL;
}

struct auth_call *
auth_answer(struct auth *a, enum auth_endpoint endpoint, const struct auth_facts *facts,
	    struct auth_verdict *v, auth_done_fn *done, void *arg)
{
	(void)endpoint;
	return auth_check(a, facts, v, done, arg);
}

void
auth_cancel(struct auth_call *call)
{
	(void)call;
}

bool
auth_owns_cookie(const struct auth *a, struct str name)
{
	(void)a;
	return str_starts_with(name, STR("__Host-workspace-proxy"));
}

bool
auth_is_navigation(const struct auth_facts *facts)
{
	(void)facts;
	return false;
}

bool
auth_is_same_origin(const struct auth *a, const struct auth_facts *facts)
{
	(void)a;
	(void)facts;
	return false;
}

bool
auth_lease_start(struct auth_lease *l, struct auth_session *s)
{
	(void)l;
	(void)s;
	return false;
}

void
auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg)
{
	*w = (struct auth_watch){.fn = fn, .arg = arg};
	(void)s;
}

void
auth_watch_stop(struct auth_watch *w)
{
	(void)w;
}

struct str
auth_assertion(struct auth *a, const struct auth_verdict *v, uint16_t port)
{
	(void)a;
	(void)v;
	(void)port;
	return STR_NONE;
}
