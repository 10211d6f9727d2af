/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks between settings, by subject. Private to proxy/settings/check/settings_check*.c.
 */
#ifndef PROXY_SETTINGS_CHECK_SETTINGS_CHECK_H
#define PROXY_SETTINGS_CHECK_SETTINGS_CHECK_H

#include "proxy/settings/check/settings_check_value.h"

/* A listener of our own. */
struct settings_listener {
	const char *name; /* of its setting, without the prefix */
	const struct address *address;
	uint16_t port; /* 0: no listener, a unix socket, or chosen by the kernel */
};
#define SETTINGS_LISTENERS 3
void settings_check_list_listeners(const struct settings *s,
				   struct settings_listener all[SETTINGS_LISTENERS]);

/* Checks the settings of a command against each other, and derives those that follow from others.
 */
void settings_check(struct settings *s, char **environment, enum settings_command command,
		    struct conf_problems *problems);

/* settings_check_tls.c. The names of the certificate are set once the ports are known. */
void settings_check_tls(struct settings_check *c);
void settings_check_tls_names(struct settings_check *c);

/* settings_check_listeners.c, settings_check_ports.c */
void settings_check_listeners(struct settings_check *c);
void settings_check_clashes(struct settings_check *c);
void settings_check_proxies(struct settings_check *c);
void settings_check_upstream(struct settings_check *c);
void settings_check_ssh(struct settings_check *c);
void settings_check_responses(struct settings_check *c);
void settings_check_ports(struct settings_check *c);
void settings_check_env(struct settings_check *c);
void settings_check_ide_probes(struct settings_check *c);

/* settings_check_container.c */
void settings_check_container(struct settings_check *c);
void settings_check_webhook(struct settings_check *c);

/* settings_check_gitlab.c */
void settings_check_external_url(struct settings_check *c);
void settings_check_gitlab(struct settings_check *c);
void settings_check_redirect_url(struct settings_check *c);
void settings_check_authorization(struct settings_check *c);

/* settings_check_relay.c: RELAY_URL; the settings of a sidecar that uses a relay; of a relay. */
void settings_check_relay_url(struct settings_check *c);
void settings_check_relay_use(struct settings_check *c);
void settings_check_relay(struct settings_check *c);

/* settings_check_clone.c */
void settings_check_clone(struct settings_check *c, enum settings_command command);
void settings_check_state_dir(struct settings_check *c);
void settings_check_git_config(struct settings_check *c);
void settings_check_credential(struct settings_check *c, enum settings_command command);

#endif
