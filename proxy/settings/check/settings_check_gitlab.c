/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the addresses of the workspace and of GitLab, and of authorization.
 */
#include <inttypes.h>

#include "base/net/tls/tls.h"
#include "proxy/settings/check/settings_check.h"

/* Takes EXTERNAL_URL from REDIRECT_URL, as configurations of oauth2-proxy have only the latter. */
static void
derive_external_url(struct settings_check *c)
{
	struct auth_settings *a = &c->s->auth;
	const char *callback;

	if (settings_check_is_given(c, "EXTERNAL_URL"))
		return;
	if (settings_check_has_url(&a->redirect_url) && !settings_check_has_url(&a->relay_url) &&
	    a->prefix != NULL) {
		callback = arena_printf(&c->s->arena, "%s/callback", a->prefix);
		if (callback != NULL && str_equal(a->redirect_url.path, str_from(callback))) {
			a->external_url = a->redirect_url;
			a->external_url.path = STR_NONE;
			a->external_url.query = STR_NONE;
			conf_note(c->problems, VAR("EXTERNAL_URL"),
				  "not set; taken from REDIRECT_URL: %s",
				  settings_check_origin(c, &a->external_url));
			return;
		}
	}
	conf_problem(c->problems, VAR("EXTERNAL_URL"),
		     "required, but not set; expected an https origin such as https://name.zone");
}

void
settings_check_external_url(struct settings_check *c)
{
	struct url *u = &c->s->auth.external_url;

	derive_external_url(c);
	if (!settings_check_has_url(u))
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("EXTERNAL_URL"),
			     "got \"%s\"; expected https: our cookies require it",
			     settings_check_origin(c, u));
	if (u->path.len > 1 || !str_is_empty(u->query))
		conf_problem(c->problems, VAR("EXTERNAL_URL"),
			     "got \"%s%.*s%s\"; expected an origin without path and query, "
			     "such as \"%s\"",
			     settings_check_origin(c, u), STR_FMT(u->path),
			     str_is_empty(u->query) ? "" : "?…", settings_check_origin(c, u));
	u->path = STR_NONE;
}

/* Paths are appended to the URL: reports a query, and removes slashes at the end. */
static void
check_gitlab_base(struct settings_check *c, const char *variable, struct url *u)
{
	if (!settings_check_has_url(u))
		return;
	if (!str_is_empty(u->query))
		conf_problem(c->problems, variable, "it must not have a query");
	while (str_ends_with(u->path, STR("/")))
		u->path.len--;
}

/*
 * Login pages, codes and tokens pass through GITLAB_URL, in the browser's network as well. Plain
 * http is allowed for development only: for loopback and ".test", which public DNS does not have
 * (RFC 6761 section 6.2). Requests to GITLAB_API_URL stay in the cluster, where a service mesh may
 * encrypt them: plain http is a note.
 */
static void
check_gitlab_http(struct settings_check *c)
{
	const struct url *u = &c->s->auth.gitlab_url;
	const struct url *api = &c->s->auth.gitlab_api_url;
	if (settings_check_has_url(u) && str_equal(u->scheme, STR("http")) &&
	    !settings_check_is_loopback(u)) {
		if (str_ends_with(u->host, STR(".test")))
			conf_note(c->problems, VAR("GITLAB_URL"),
				  "plain http: tokens are sent unencrypted");
		else
			conf_problem(c->problems, VAR("GITLAB_URL"),
				     "got \"%s\"; expected https: http is for loopback and .test "
				     "hosts only, as tokens would be sent unencrypted",
				     settings_check_origin(c, u));
	}
	if (settings_check_has_url(api) && str_equal(api->scheme, STR("http")) &&
	    !settings_check_is_loopback(api))
		conf_note(c->problems, VAR("GITLAB_API_URL"),
			  "plain http: tokens are sent unencrypted unless the cluster encrypts");
}

static void
check_authorities(struct settings_check *c)
{
	const char *file = c->s->gitlab_ca_file;
	struct err e = ERR_INIT;

	if (settings_check_file(c, VAR("GITLAB_CA_FILE"), file) && !tls_check_authorities(file, &e))
		conf_problem(c->problems, VAR("GITLAB_CA_FILE"),
			     "%s; expected at least one certificate in PEM form", e.text);
}

void
settings_check_gitlab(struct settings_check *c)
{
	check_gitlab_base(c, VAR("GITLAB_URL"), &c->s->auth.gitlab_url);
	check_gitlab_base(c, VAR("GITLAB_API_URL"), &c->s->auth.gitlab_api_url);
	check_gitlab_http(c);
	check_authorities(c);
}

/* GitLab compares REDIRECT_URL with that of the relay's authorization request. */
static void
check_relayed_redirect(struct settings_check *c)
{
	const struct url *u = &c->s->auth.redirect_url;
	const struct url *relay = &c->s->auth.relay_url;
	const char *path = arena_printf(&c->s->arena, "%.*s/callback", STR_FMT(relay->path));

	if (path == NULL || (url_is_same_origin(u, relay) && str_equal(u->path, str_from(path)) &&
			     str_is_empty(u->query)))
		return;
	conf_problem(c->problems, VAR("REDIRECT_URL"),
		     "not the relay's; expected \"%s%s\", or nothing",
		     settings_check_origin(c, relay), path);
}

void
settings_check_redirect_url(struct settings_check *c)
{
	const struct auth_settings *a = &c->s->auth;
	const struct url *u = &a->redirect_url;
	if (!settings_check_has_url(u) || a->prefix == NULL)
		return;
	if (settings_check_has_url(&a->relay_url)) {
		check_relayed_redirect(c);
		return;
	}
	const char *path = arena_printf(&c->s->arena, "%s/callback", a->prefix);
	if (path == NULL)
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("REDIRECT_URL"), "got \"%s…\"; expected https",
			     settings_check_origin(c, u));
	if (!str_is_empty(u->query))
		conf_problem(c->problems, VAR("REDIRECT_URL"), "it must not have a query");
	if (!settings_check_has_url(&a->external_url))
		return;
	if (!url_is_same_origin(u, &a->external_url))
		conf_note(c->problems, VAR("REDIRECT_URL"),
			  "not at EXTERNAL_URL: the server there must redirect browsers to "
			  "%s%s",
			  settings_check_origin(c, &a->external_url), path);
	else if (!str_equal(u->path, str_from(path)))
		conf_problem(c->problems, VAR("REDIRECT_URL"),
			     "got the path \"%.*s\"; expected \"%s\": no login would ever finish",
			     STR_FMT(u->path), path);
}

static void
check_needed(struct settings_check *c, unsigned mode, const char *name, const char *variable,
	     const char *mode_name)
{
	/* PROJECT and GROUP may come from a variable of oauth2-proxy. */
	bool is_known = settings_check_is_given(c, name) ||
			(mode == AUTH_MODE_PROJECT && c->s->auth.project != NULL) ||
			(mode == AUTH_MODE_GROUP && c->s->auth.group != NULL);

	if ((c->s->auth.modes & mode) != 0 && !is_known)
		conf_problem(c->problems, variable, "needed by AUTHORIZATION mode %s, but not set",
			     mode_name);
}

/* GitLab's container registry requires additional scopes. */
static void
add_registry_scopes(struct settings_check *c)
{
	struct auth_settings *a = &c->s->auth;
	const char *longer;

	if (c->s->registries.count == 0 || a->scope == NULL)
		return;
	if (settings_check_is_given(c, "SCOPE")) {
		if (strstr(a->scope, "read_registry") == NULL)
			conf_note(c->problems, VAR("SCOPE"),
				  "lacks read_registry, without which GitLab's registry takes no "
				  "token; see REGISTRY_ORIGINS");
		return;
	}
	longer = arena_printf(&c->s->arena, "%s read_registry write_registry", a->scope);
	a->scope = longer == NULL ? a->scope : longer;
}

static void
check_scope(struct settings_check *c)
{
	const struct auth_settings *a = &c->s->auth;
	const char *missing = a->scope == NULL ? NULL : auth_scope_missing(a->scope, a->modes);

	if (missing != NULL)
		conf_problem(c->problems, VAR("SCOPE"),
			     "got \"%s\"; expected %s, or api, among them: without it GitLab "
			     "refuses the requests that AUTHORIZATION needs",
			     a->scope, missing);
}

void
settings_check_authorization(struct settings_check *c)
{
	struct auth_settings *a = &c->s->auth;
	check_needed(c, AUTH_MODE_WORKSPACE, "WORKSPACE_ID", VAR("WORKSPACE_ID"), "workspace");
	check_needed(c, AUTH_MODE_PROJECT, "PROJECT", VAR("PROJECT"), "project");
	check_needed(c, AUTH_MODE_OWNER, "OWNER_ID", VAR("OWNER_ID"), "owner");
	check_needed(c, AUTH_MODE_GROUP, "GROUP", VAR("GROUP"), "group");
	check_needed(c, AUTH_MODE_USERS, "USERS", VAR("USERS"), "users");
	add_registry_scopes(c);
	check_scope(c);
	if (a->cookie_expire_ms == 0 || a->session_idle_ms <= a->cookie_expire_ms)
		return;
	/* A default is adjusted to the settings that are given. */
	if (!settings_check_is_given(c, "SESSION_IDLE"))
		a->session_idle_ms = a->cookie_expire_ms;
	else
		conf_problem(c->problems, VAR("SESSION_IDLE"),
			     "got %" PRIu64
			     "s, longer than COOKIE_EXPIRE; expected at most %" PRIu64 "s",
			     a->session_idle_ms / 1000, a->cookie_expire_ms / 1000);
}
