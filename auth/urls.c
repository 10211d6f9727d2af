/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds addresses once, at start, and the few that depend on a request.
 */
#include "auth/urls.h"

/* Keeps the path as it is written, because it must equal the one registered with GitLab. */
static const char *
format_redirect_uri(struct auth *a, const char *relay)
{
	const struct url *u = &a->settings->redirect_url;
	const char *origin;

	if (str_is_empty(u->host) && relay != NULL)
		return arena_printf(&a->arena, "%s/callback", relay);
	if (str_is_empty(u->host))
		return arena_printf(&a->arena, "%.*s%s/callback", STR_FMT(a->origin),
				    a->settings->prefix);
	origin = url_origin(u, &a->arena);
	return origin == NULL ? NULL
			      : arena_printf(&a->arena, "%s%.*s%s%.*s", origin, STR_FMT(u->path),
					     str_is_empty(u->query) ? "" : "?", STR_FMT(u->query));
}

/* GitLab's host names of workspaces begin with the IDE's port. */
static void
set_port_hosts(struct auth *a)
{
	struct str authority = str_skip(a->origin, strlen("https://"));
	uint16_t port;

	if (!ports_split_host(authority, &port, &a->port_hosts))
		a->port_hosts = authority;
}

const char *
auth_port_origin(const struct auth *a, uint16_t port, struct arena *arena)
{
	return arena_printf(arena, "https://%u-%.*s", port, STR_FMT(a->port_hosts));
}

bool
urls_build(struct auth *a)
{
	const struct auth_settings *s = a->settings;
	const char *relay = NULL;

	if (!str_is_empty(s->relay_url.host)) {
		relay = url_base(&s->relay_url, &a->arena);
		a->relay_start_url =
			relay == NULL ? NULL : arena_printf(&a->arena, "%s/start", relay);
		if (a->relay_start_url == NULL)
			return false;
	}
	a->origin = str_from(url_origin(&s->external_url, &a->arena));
	set_port_hosts(a);
	a->gitlab_url = url_base(&s->gitlab_url, &a->arena);
	if (a->origin.data == NULL || a->gitlab_url == NULL)
		return false;
	a->authorize_url = arena_printf(&a->arena, "%s/oauth/authorize", a->gitlab_url);
	a->redirect_uri = format_redirect_uri(a, relay);
	a->start_url = arena_printf(&a->arena, "%s/start", s->prefix);
	a->sign_in_url = arena_printf(&a->arena, "%s/sign_in", s->prefix);
	a->target_lost_url = arena_printf(&a->arena, "%s/sign_in?lost=1", s->prefix);
	a->flow_cookie_prefix = str_from(arena_printf(&a->arena, "%s-flow-", s->cookie_name));
	return a->authorize_url != NULL && a->redirect_uri != NULL && a->start_url != NULL &&
	       a->sign_in_url != NULL && a->target_lost_url != NULL &&
	       a->flow_cookie_prefix.data != NULL;
}

bool
urls_find_port(const struct auth *a, struct str origin, uint16_t *port)
{
	struct str scheme = STR("https://");
	struct str rest;

	*port = 0;
	if (str_equal(origin, a->origin))
		return true;
	return str_starts_with(origin, scheme) &&
	       ports_split_host(str_skip(origin, scheme.len), port, &rest) &&
	       ports_contain(&a->settings->ports, *port) && str_equal(rest, a->port_hosts);
}

struct str
urls_own_origin(const struct auth *a, const struct auth_facts *facts)
{
	return facts->port == 0 ? a->origin : facts->origin;
}
