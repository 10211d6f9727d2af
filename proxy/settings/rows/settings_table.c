/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all settings of all commands. Values, defaults, ranges, help, `check` and
 * docs/configuration.md come from its rows in rows_*.c; settings_check*.c checks conditions between
 * settings.
 */
#include "proxy/settings/rows/settings_table.h"

#include "proxy/settings/rows/settings_rows.h"

#define NO_OPEN_ROUTES                                                                             \
	"no path is open without a session. Programs may send a GitLab token (API_TOKENS=on), "    \
	"probes and monitoring have ADMIN_ADDRESS, and what is for everybody belongs on a port "   \
	"of its own, which users of the workspace may make public with PORT_SHARING_MAX=public, "  \
	"or at an address that does not lead through this proxy."
#define REFUSED(suffix)                                                                            \
	{                                                                                          \
		.name = (suffix), .type = CONF_TEXT, .flags = CONF_REFUSED,                        \
		.alias = SETTINGS_FOREIGN suffix, .text = NO_OPEN_ROUTES                           \
	}
static const struct conf_setting refused[] = {
	REFUSED("SKIP_AUTH_ROUTES"),
	REFUSED("SKIP_AUTH_ROUTE"),
	REFUSED("SKIP_AUTH_REGEX"),
};
static const struct conf_group settings_refused = SETTINGS_GROUP("Refused", refused);

static const struct conf_group *const groups[] = {
	&settings_listeners, &settings_ide,	 &settings_gitlab,
	&settings_relay,     &settings_sessions, &settings_authorization,
	&settings_clone,     &settings_git,	 &settings_ssh,
	&settings_injection, &settings_limits,	 &settings_compression,
	&settings_process,   &settings_refused,	 NULL,
};

const struct conf_table settings_table = {
	.prefix = SETTINGS_PREFIX,
	.intro = "# Configuration\n"
		 "\n"
		 "Settings are environment variables named `" SETTINGS_PREFIX
		 "<NAME>`. Each can also be given as `" SETTINGS_PREFIX
		 "<NAME>_FILE`: the path of a file whose content is the value, for mounted "
		 "secrets. An empty variable counts as not set.\n"
		 "\n"
		 "`workspace-proxy check` reads the configuration as the sidecar would, `check "
		 "relay` as the relay would, and prints the effective settings, or all problems. "
		 "Unknown `" SETTINGS_PREFIX
		 "*` names are problems; those that Kubernetes makes for a Service are ignored.\n"
		 "\n"
		 "Durations are numbers with `ms`, `s`, `m` or `h` (`90s`, `1h30m`); sizes are "
		 "bytes or numbers with `KiB`, `MiB` or `GiB`.\n"
		 "\n"
		 "The minimum for a workspace:\n"
		 "\n"
		 "```sh\n"
		 "" SETTINGS_PREFIX "EXTERNAL_URL=https://kiwi.ws.example.com\n"
		 "" SETTINGS_PREFIX "TLS_CERT_FILE=/etc/workspace-proxy/tls.crt\n"
		 "" SETTINGS_PREFIX "TLS_KEY_FILE=/etc/workspace-proxy/tls.key\n"
		 "" SETTINGS_PREFIX "GITLAB_URL=https://gitlab.example.com\n"
		 "" SETTINGS_PREFIX "CLIENT_ID=5f2a8d…\n"
		 "" SETTINGS_PREFIX "CLIENT_SECRET_FILE=/etc/workspace-proxy/client-secret\n"
		 "" SETTINGS_PREFIX "COOKIE_SECRET_FILE=/etc/workspace-proxy/cookie-secret\n"
		 "" SETTINGS_PREFIX "WORKSPACE_ID=7\n"
		 "```\n"
		 "\n"
		 "The minimum for the relay, which also reads the settings of listeners, limits "
		 "and logging:\n"
		 "\n"
		 "```sh\n"
		 "" SETTINGS_PREFIX "RELAY_URL=https://relay.ws.example.com\n"
		 "" SETTINGS_PREFIX "RELAY_MASTER_KEY_FILE=/etc/workspace-proxy/master-key\n"
		 "" SETTINGS_PREFIX "RELAY_ZONES=ws.example.com\n"
		 "" SETTINGS_PREFIX "TLS_CERT_FILE=/etc/workspace-proxy/tls.crt\n"
		 "" SETTINGS_PREFIX "TLS_KEY_FILE=/etc/workspace-proxy/tls.key\n"
		 "" SETTINGS_PREFIX "GITLAB_URL=https://gitlab.example.com\n"
		 "" SETTINGS_PREFIX "CLIENT_ID=5f2a8d…\n"
		 "```\n"
		 "\n"
		 "This file is generated from the program's table of settings: `workspace-proxy "
		 "docs configuration`.\n"
		 "",
	.groups = groups,
};
