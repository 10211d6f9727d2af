/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the settings modules share about the table beyond proxy/settings/settings.h: marks on rows,
 * and the cross-checks that run after loading. Private to them.
 */
#ifndef PROXY_SETTINGS_SETTINGS_TABLE_H
#define PROXY_SETTINGS_SETTINGS_TABLE_H

#include "proxy/settings/settings.h"

/* Rows that SETTINGS_CLONE reads; what is required of the sidecar is not required of the clone. */
#define SETTINGS_CLONE_TOO CONF_OWN_FLAG

/* Rows that SETTINGS_RELAY reads as well as the sidecar; rows that only the relay has, its keys
 * among them. */
#define SETTINGS_RELAY_TOO  (CONF_OWN_FLAG * 2)
#define SETTINGS_RELAY_ONLY (CONF_OWN_FLAG * 4)

/* Rows that SETTINGS_INJECT and SETTINGS_WEBHOOK read as well, and those that only they have. */
#define SETTINGS_INJECT_TOO  (CONF_OWN_FLAG * 8)
#define SETTINGS_INJECT_ONLY (CONF_OWN_FLAG * 16)

/* The same for SETTINGS_WEBHOOK alone. */
#define SETTINGS_WEBHOOK_TOO  (CONF_OWN_FLAG * 32)
#define SETTINGS_WEBHOOK_ONLY (CONF_OWN_FLAG * 64)

/* Whether the command with this scope reads the row. */
bool settings_reads(enum settings_scope scope, const struct conf_setting *row);

/* Prefix of oauth2-proxy's variables. */
#define SETTINGS_FOREIGN "OAUTH2_PROXY_"

/* Adds what does not hold between settings, and fills in what follows from others. */
void settings_check(struct settings *s, char **environment, enum settings_scope scope,
		    struct conf_problems *problems);
void settings_check_ports(struct settings *s, struct conf_problems *problems);

/* The part of it for SETTINGS_INJECT and SETTINGS_WEBHOOK. */
void settings_check_container(struct settings *s, struct conf_problems *problems);

#endif
