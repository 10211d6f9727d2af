/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks conditions between settings, and derives defaults of one from another.
 *
 * Runs after loading, even if that found problems. Checks skip settings with an invalid value, so
 * that one mistake is reported once; whether a setting is given is read from the environment, not
 * from its field.
 */
#include "proxy/settings/check/settings_check.h"

static void
check_relay_key(struct settings_check *c)
{
	if (!settings_check_is_given(c, "RELAY_MASTER_KEY"))
		conf_problem(c->problems, VAR("RELAY_MASTER_KEY"),
			     "needed to derive keys, but not set");
}

static void
check_relay(struct settings_check *c)
{
	settings_check_gitlab(c);
	settings_check_relay(c);
	settings_check_proxies(c);
	settings_check_tls(c);
	settings_check_listeners(c);
	settings_check_clashes(c);
}

static void
check_inject(struct settings_check *c)
{
	settings_check_gitlab(c);
	settings_check_relay_url(c);
	settings_check_container(c);
}

static void
check_webhook_command(struct settings_check *c)
{
	settings_check_gitlab(c);
	settings_check_relay_url(c);
	settings_check_webhook(c);
	settings_check_container(c);
}

/* Checks of `clone`, which also apply to the sidecar's clone. */
static void
check_clone(struct settings_check *c, enum settings_command command)
{
	settings_check_gitlab(c);
	settings_check_credential(c, command);
	settings_check_clone(c, command);
	c->s->clone.sandbox = c->s->sandbox;
}

static void
check_serve(struct settings_check *c)
{
	check_clone(c, SETTINGS_SERVE);
	settings_check_proxies(c);
	settings_check_upstream(c);
	settings_check_ssh(c);
	settings_check_external_url(c);
	settings_check_tls(c);
	settings_check_state_dir(c);
	settings_check_listeners(c);
	settings_check_clashes(c);
	settings_check_responses(c);
	settings_check_ports(c);
	settings_check_tls_names(c);
	settings_check_ide_probes(c);
	settings_check_relay_use(c);
	settings_check_redirect_url(c);
	settings_check_authorization(c);
}

void
settings_check(struct settings *s, char **environment, enum settings_command command,
	       struct conf_problems *problems)
{
	struct settings_check c = {s, environment, problems};

	if (s->drain_delay_ms > s->drain_timeout_ms / 2)
		s->drain_delay_ms = s->drain_timeout_ms / 2;
	switch (command) {
	case SETTINGS_RELAY_KEY:
		check_relay_key(&c);
		break;
	case SETTINGS_GIT_CONFIG:
		settings_check_git_config(&c);
		break;
	case SETTINGS_ENV:
		settings_check_env(&c);
		break;
	case SETTINGS_RELAY:
		check_relay(&c);
		break;
	case SETTINGS_INJECT:
		check_inject(&c);
		break;
	case SETTINGS_WEBHOOK:
		check_webhook_command(&c);
		break;
	case SETTINGS_CLONE:
		check_clone(&c, command);
		break;
	case SETTINGS_SERVE:
		check_serve(&c);
		break;
	}
}
