/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the relay's settings, in the relay and in sidecars that use it.
 */
#include "base/net/tls/tls.h"
#include "proxy/settings/check/settings_check.h"

void
settings_check_relay_url(struct settings_check *c)
{
	struct url *u = &c->s->auth.relay_url;
	if (!settings_check_has_url(u))
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("RELAY_URL"), "got \"%s…\"; expected https",
			     settings_check_origin(c, u));
	if (!str_is_empty(u->query))
		conf_problem(c->problems, VAR("RELAY_URL"), "it must not have a query");
	while (str_ends_with(u->path, STR("/")))
		u->path.len--;
	if (u->path.len > 0 && !url_is_plain_path(u->path))
		conf_problem(c->problems, VAR("RELAY_URL"),
			     "got the path \"%.*s\"; expected letters, digits and -._~ in it",
			     STR_FMT(u->path));
}

/* With BROKER only the relay has the client secret. */
static void
check_broker(struct settings_check *c)
{
	struct settings *s = c->s;
	struct err e = ERR_INIT;

	if (s->relay_ca_file == NULL)
		s->relay_ca_file = s->gitlab_ca_file;
	else if (settings_check_file(c, VAR("RELAY_CA_FILE"), s->relay_ca_file) &&
		 !tls_check_authorities(s->relay_ca_file, &e))
		conf_problem(c->problems, VAR("RELAY_CA_FILE"),
			     "%s; expected at least one certificate in PEM form", e.text);
	if (!s->auth.broker)
		return;
	if (!settings_check_is_given(c, "RELAY_URL"))
		conf_problem(c->problems, VAR("RELAY_URL"), "needed with BROKER, but not set");
	if (settings_check_is_given(c, "CLIENT_SECRET"))
		conf_problem(c->problems, VAR("CLIENT_SECRET"),
			     "with BROKER it belongs to the relay alone; remove it here");
}

/* Checks a sidecar's settings of the relay; secrets of the relay itself are a problem there. */
void
settings_check_relay_use(struct settings_check *c)
{
	const struct auth_settings *a = &c->s->auth;
	bool has_relay = settings_check_is_given(c, "RELAY_URL");
	bool has_key = settings_check_is_given(c, "RELAY_KEY");

	settings_check_relay_url(c);
	check_broker(c);
	if (has_relay && !has_key)
		conf_problem(c->problems, VAR("RELAY_KEY"), "needed with RELAY_URL, but not set");
	if (has_key && !has_relay)
		conf_problem(c->problems, VAR("RELAY_URL"), "needed with RELAY_KEY, but not set");
	if (settings_check_is_given(c, "RELAY_MASTER_KEY"))
		conf_problem(c->problems, VAR("RELAY_MASTER_KEY"),
			     "it gives access to every workspace and belongs to the relay alone; "
			     "expected RELAY_KEY here");
	if (settings_check_has_url(&a->relay_url) && settings_check_has_url(&a->external_url) &&
	    str_equal(a->relay_url.host, a->external_url.host))
		conf_problem(c->problems, VAR("RELAY_URL"),
			     "it is the workspace's host; expected that of the relay");
}

void
settings_check_relay(struct settings_check *c)
{
	struct settings *s = c->s;
	static const char *const needed[] = {"RELAY_URL", "RELAY_MASTER_KEY", "RELAY_ZONES"};

	settings_check_relay_url(c);
	if (s->relay.deny_file != NULL)
		(void)settings_check_file(c, VAR("RELAY_DENY_FILE"), s->relay.deny_file);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!settings_check_is_given(c, needed[i]))
			conf_problem(c->problems, arena_printf(&s->arena, VAR("%s"), needed[i]),
				     "needed by the relay, but not set");
	s->relay.url = s->auth.relay_url;
	s->relay.gitlab_url = s->auth.gitlab_url;
	s->relay.client_id = s->auth.client_id;
	s->relay.scope = s->auth.scope;
}
