/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all settings, of which each command reads a part.
 */
#ifndef PROXY_SETTINGS_ROWS_SETTINGS_TABLE_H
#define PROXY_SETTINGS_ROWS_SETTINGS_TABLE_H

#include "base/conf/conf.h"

/* Prefixes of environment variables: ours and oauth2-proxy's. */
#define SETTINGS_PREFIX	 "WORKSPACE_PROXY_"
#define SETTINGS_FOREIGN "OAUTH2_PROXY_"

/* The default name of the session cookie. */
#define SETTINGS_COOKIE_NAME "__Host-workspace-proxy"

extern const struct conf_table settings_table;

#endif
