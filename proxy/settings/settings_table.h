/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the settings modules share about the table beyond proxy/settings/settings.h: marks on rows,
 * and the cross-checks that run after loading. Private to them.
 */
#ifndef PROXY_SETTINGS_SETTINGS_TABLE_H
#define PROXY_SETTINGS_SETTINGS_TABLE_H

#include "proxy/settings/settings.h"

/* Prefix of oauth2-proxy's variables. */
#define SETTINGS_FOREIGN "OAUTH2_PROXY_"

/* Adds what does not hold between settings, and fills in what follows from others. */
void settings_check(struct settings *s, char **environment, enum settings_command command,
		    struct conf_problems *problems);
void settings_check_ports(struct settings *s, struct conf_problems *problems);

/* The part of it for SETTINGS_INJECT and SETTINGS_WEBHOOK. */
void settings_check_container(struct settings *s, struct conf_problems *problems);

#endif
