/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks conditions between settings, and derives defaults of one from another.
 *
 * Runs after loading, even if that found problems. Checks skip settings with an invalid value, so
 * that one mistake is reported once; whether a setting is given is read from the environment, not
 * from its field.
 */
#include "proxy/settings/check/settings_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool
settings_check_is_given(const struct settings_check *c, const char *name)
{
	return conf_is_set(&settings_table, c->environment, name);
}

bool
settings_check_is_reported(const struct settings_check *c, const char *name)
{
	for (size_t i = 0; i < c->problems->count && i < CONF_PROBLEMS_MAX; i++) {
		struct str text = str_from(c->problems->items[i].text);
		struct str variable = str_take(text, str_find_byte(text, ':'));
		if (str_find(variable, str_from(name)) != SIZE_MAX)
			return true;
	}
	return false;
}

bool
settings_check_has_url(const struct url *u)
{
	return !str_is_empty(u->host);
}

const char *
settings_check_origin(struct settings_check *c, const struct url *u)
{
	const char *origin = url_origin(u, &c->s->arena);
	return origin == NULL ? "" : origin;
}

bool
settings_check_is_loopback(const struct url *u)
{
	struct ip ip;

	if (str_equal(u->host, STR("localhost")) || str_ends_with(u->host, STR(".localhost")))
		return true;
	return ip_parse(&ip, u->host) && ip_is_loopback(&ip);
}

bool
settings_check_file(struct settings_check *c, const char *variable, const char *path)
{
	struct stat st;
	if (path == NULL)
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		conf_problem(c->problems, variable, "got \"%s\": %s; expected a readable file",
			     path, strerror(errno));
		return false;
	}
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		conf_problem(c->problems, variable,
			     "got \"%s\": it is not a regular file; expected a readable file",
			     path);
	(void)close(fd);
	return ok;
}

static void
check_relay_key(struct settings_check *c)
{
	if (!settings_check_is_given(c, "RELAY_MASTER_KEY"))
		conf_problem(c->problems, VAR("RELAY_MASTER_KEY"),
			     "needed to derive keys, and not set");
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
