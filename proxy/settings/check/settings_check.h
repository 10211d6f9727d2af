/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks between settings, by subject, and their shared helpers. Private to
 * proxy/settings/check/settings_check*.c.
 */
#ifndef PROXY_SETTINGS_CHECK_SETTINGS_CHECK_H
#define PROXY_SETTINGS_CHECK_SETTINGS_CHECK_H

#include "proxy/settings/settings.h"

#define VAR(name) SETTINGS_PREFIX name

struct settings_check {
	struct settings *s;
	char **environment;
	struct conf_problems *problems;
};

/* Asks the environment: what did not load is given too. */
bool settings_check_is_given(const struct settings_check *c, const char *name);
/* Whether a problem of this setting, in any of its forms, is known already. */
bool settings_check_is_reported(const struct settings_check *c, const char *name);
/* A regular file that can be read; false after a problem, and where there is no path. */
bool settings_check_file(struct settings_check *c, const char *variable, const char *path);

bool settings_check_has_url(const struct url *u);
/* For messages; "" without memory. */
const char *settings_check_origin(struct settings_check *c, const struct url *u);
/* Names that never leave the machine (RFC 6761 section 6.3), and its own addresses. */
bool settings_check_is_loopback(const struct url *u);

/* Adds what does not hold between the settings of this command, and fills in what follows from
 * others. */
void settings_check(struct settings *s, char **environment, enum settings_command command,
		    struct conf_problems *problems);

/* settings_check_tls.c: the names once the ports are known. */
void settings_check_tls(struct settings_check *c);
void settings_check_tls_names(struct settings_check *c);

/* settings_check_listeners.c, settings_check_ports.c */
void settings_check_listeners(struct settings_check *c);
void settings_check_clashes(struct settings_check *c);
void settings_check_proxies(struct settings_check *c);
void settings_check_upstream(struct settings_check *c);
void settings_check_ports(struct settings_check *c);
void settings_check_env(struct settings_check *c);
void settings_check_ide_probes(struct settings_check *c);

/* settings_check_ssh.c */
void settings_check_ssh(struct settings_check *c);

/* settings_check_container.c */
void settings_check_container(struct settings_check *c);
void settings_check_webhook(struct settings_check *c);

/* settings_check_gitlab.c */
void settings_check_external_url(struct settings_check *c);
void settings_check_gitlab(struct settings_check *c);
void settings_check_redirect_url(struct settings_check *c);
void settings_check_authorization(struct settings_check *c);

/* settings_check_relay.c: its address; what a sidecar needs of it; what it needs itself. */
void settings_check_relay_url(struct settings_check *c);
void settings_check_relay_use(struct settings_check *c);
void settings_check_relay(struct settings_check *c);

/* settings_check_clone.c */
void settings_check_clone(struct settings_check *c, enum settings_command command);
void settings_check_state_dir(struct settings_check *c);
void settings_check_git_config(struct settings_check *c);
void settings_check_credential(struct settings_check *c, enum settings_command command);

#endif
