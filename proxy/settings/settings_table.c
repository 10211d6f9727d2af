/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table with every setting. Values, defaults, ranges, help, `check` and
 * docs/configuration.md all come from these rows; what must hold between settings is
 * settings_check*.c. Groups that have many rows are files of their own.
 *
 * Rows with CLONE_TOO are what `workspace-proxy clone` reads as well, rows with RELAY_TOO what
 * `workspace-proxy relay` does.
 */
#include "proxy/settings/settings_table.h"
#include "clone/credential/credential.h"
#include "proxy/settings/settings.h"
#include "proxy/settings/settings_parse.h"

#define SECOND	    1000u
#define MINUTE	    (60 * SECOND)
#define HOUR	    (60 * MINUTE)
#define KIB	    1024u
#define CLONE_TOO   SETTINGS_CLONE_TOO
#define RELAY_TOO   SETTINGS_RELAY_TOO
#define INJECT_TOO  SETTINGS_INJECT_TOO
#define WEBHOOK_TOO SETTINGS_WEBHOOK_TOO
#define AT(field)   offsetof(struct settings, field)

#define RESERVED(setting, foreign, what)                                                           \
	{                                                                                          \
		.group = "Reserved", .name = (setting), .type = CONF_TEXT, .flags = CONF_RESERVED, \
		.alias = (foreign), .text = (what)                                                 \
	}

static const char *const log_levels[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
	[LOG_ERROR] = "error", [LOG_OFF] = "off",   NULL};
static const char *const log_formats[] = {[LOG_JSON] = "json", [LOG_TEXT] = "text", NULL};

static const char *const sidecars[] = {
	[CONTAINER_NATIVE] = "native", [CONTAINER_CLASSIC] = "classic", NULL};

static const struct conf_setting rows[] = {
	{.group = "Listeners",
	 .name = "EXTERNAL_URL",
	 .type = CONF_URL,
	 .flags = CONF_REQUIRED,
	 .offset = AT(auth.external_url),
	 .expected = "an https origin such as https://name.zone",
	 .text = "The workspace's public origin: what the browser's address bar shows. Requests "
		 "for any other host are answered with 421."},
	{.group = "Listeners",
	 .name = "HTTPS_ADDRESS",
	 .type = CONF_ADDRESS,
	 .flags = RELAY_TOO,
	 .offset = AT(https_address),
	 .fallback = ":8443",
	 .unset = "`:8443` when the TLS files are set, else off",
	 .alias = SETTINGS_FOREIGN "HTTPS_ADDRESS",
	 .text = "Public TLS listener."},
	{.group = "Listeners",
	 .name = "TLS_CERT_FILE",
	 .type = CONF_PATH,
	 .flags = RELAY_TOO | WEBHOOK_TOO,
	 .offset = AT(tls_cert_file),
	 .alias = SETTINGS_FOREIGN "TLS_CERT_FILE",
	 .text = "PEM file with the certificate chain, the leaf first. Read again on SIGHUP."},
	{.group = "Listeners",
	 .name = "TLS_KEY_FILE",
	 .type = CONF_PATH,
	 .flags = RELAY_TOO | WEBHOOK_TOO,
	 .offset = AT(tls_key_file),
	 .alias = SETTINGS_FOREIGN "TLS_KEY_FILE",
	 .text = "PEM file with the certificate's private key. Read again on SIGHUP."},
	{.group = "Listeners",
	 .name = "HTTP_ADDRESS",
	 .type = CONF_ADDRESS,
	 .flags = RELAY_TOO,
	 .offset = AT(http_address),
	 .unset = "off",
	 .alias = SETTINGS_FOREIGN "HTTP_ADDRESS",
	 .text = "Public plain listener, for use behind an ingress that terminates TLS."},
	{.group = "Listeners",
	 .name = "TRUSTED_PROXY_IPS",
	 .type = CONF_CUSTOM,
	 .flags = RELAY_TOO,
	 .offset = AT(trusted_proxies),
	 .parse = settings_parse_networks,
	 .format = settings_format_networks,
	 .expected = "IP addresses and networks such as 10.0.0.0/8,fd00::/8",
	 .unset = "none",
	 .alias = SETTINGS_FOREIGN "TRUSTED_PROXY_IPS",
	 .text = "Peers whose X-Forwarded-For and PROXY header are believed, for the client's "
		 "address "
		 "in logs and towards the IDE. Nothing else that they say counts; of everybody "
		 "else "
		 "the headers are dropped."},
	{.group = "Listeners",
	 .name = "PROXY_PROTOCOL",
	 .type = CONF_BOOL,
	 .flags = RELAY_TOO,
	 .offset = AT(proxy_protocol),
	 .fallback = "off",
	 .text = "Connections from TRUSTED_PROXY_IPS begin with a PROXY header, version 1 or 2 "
		 "(https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt); "
		 "without one they are closed."},
	{.group = "Listeners",
	 .name = "ADMIN_ADDRESS",
	 .type = CONF_ADDRESS,
	 .flags = RELAY_TOO,
	 .offset = AT(admin_address),
	 .fallback = ":9877",
	 .text = "Listener for the cluster: `/ping` and `/ready`. Never routed from the public "
		 "listeners."},
	{.group = "IDE",
	 .name = "UPSTREAM",
	 .type = CONF_CUSTOM,
	 .offset = AT(upstream),
	 .fallback = "http://127.0.0.1:60001",
	 .parse = settings_parse_upstream,
	 .format = settings_format_upstream,
	 .expected = "http://host:port with a numeric host or localhost, or unix:/path",
	 .alias = SETTINGS_FOREIGN "UPSTREAMS",
	 .text = "Where the IDE listens."},
	{.group = "IDE",
	 .name = "PORTS",
	 .type = CONF_CUSTOM,
	 .offset = AT(auth.ports),
	 .parse = settings_parse_ports,
	 .format = settings_format_ports,
	 .expected = "ports and ranges such as 3000,8000-8999",
	 .unset = "none",
	 .text = "Ports on the IDE's loopback (127.0.0.1, or ::1 where that refuses) that are "
		 "reachable as `<port>-<name>.<zone>`, for those who may use the workspace: with "
		 "`EXTERNAL_URL=https://kiwi.ws.example.com` port 3000 is at "
		 "`https://3000-kiwi.ws.example.com`. At most 64 ports and ranges, which go around "
		 "our own listeners. DNS and certificate must cover these names, `*.<zone>` "
		 "does."},
#include "proxy/settings/rows_auth.inc"
#include "proxy/settings/rows_clone.inc"
#include "proxy/settings/rows_container.inc"
#include "proxy/settings/rows_limits.inc"
	{.group = "Logging and shutdown",
	 .name = "LOG_LEVEL",
	 .type = CONF_CHOICE,
	 .flags = CLONE_TOO | RELAY_TOO | INJECT_TOO,
	 .offset = AT(log_level),
	 .fallback = "info",
	 .choices = log_levels,
	 .text = "Least severe lines that are written."},
	{.group = "Logging and shutdown",
	 .name = "LOG_FORMAT",
	 .type = CONF_CHOICE,
	 .flags = CLONE_TOO | RELAY_TOO | INJECT_TOO,
	 .offset = AT(log_format),
	 .fallback = "json",
	 .choices = log_formats,
	 .text = "Form of the log on standard error."},
	{.group = "Logging and shutdown",
	 .name = "ACCESS_LOG",
	 .type = CONF_BOOL,
	 .flags = RELAY_TOO,
	 .offset = AT(access_log),
	 .fallback = "on",
	 .text = "One line for every request."},
	{.group = "Logging and shutdown",
	 .name = "DRAIN_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO | WEBHOOK_TOO,
	 .offset = AT(drain_timeout_ms),
	 .fallback = "30s",
	 .min = 0,
	 .max = HOUR,
	 .text = "On SIGTERM: how long running requests may take to finish before they are cut."},
	{.group = "Logging and shutdown",
	 .name = "DRAIN_DELAY",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(drain_delay_ms),
	 .fallback = "2s",
	 .min = 0,
	 .max = HOUR,
	 .text = "On SIGTERM: how long new connections are still served after `/ready` has begun "
		 "to "
		 "fail, so that whoever routes here can notice. Part of `DRAIN_TIMEOUT`, and at "
		 "most "
		 "half of it."},
	{.group = "Logging and shutdown",
	 .name = "IDLE_SHUTDOWN",
	 .type = CONF_DURATION,
	 .offset = AT(idle_shutdown_ms),
	 .fallback = "0s",
	 .min = 0,
	 .max = 720 * HOUR,
	 .text = "When no user has done anything for this long, the process ends as on SIGTERM, "
		 "with "
		 "exit code 0. Requests of signed-in users and what browsers send on WebSockets, "
		 "but for empty pongs, count, "
		 "and so does a clone; health checks do not. `0s`: never."},
	{.group = "Logging and shutdown",
	 .name = "RELOAD_INTERVAL",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(reload_interval_ms),
	 .fallback = "5s",
	 .min = 0,
	 .max = HOUR,
	 .text = "How often the files of certificate, keys, client secret and `GITLAB_CA_FILE` are "
		 "looked at; those that have changed are read again, as all are on SIGHUP. `0s`: "
		 "on "
		 "SIGHUP only."},
	RESERVED("SKIP_AUTH_ROUTES", SETTINGS_FOREIGN "SKIP_AUTH_ROUTES",
		 "Routes that need no session, as `METHOD=regex`."),
};

const struct conf_table settings_table = {
	.prefix = SETTINGS_PREFIX,
	.intro =
		"# Configuration\n"
		"\n"
		"Settings are environment variables named `" SETTINGS_PREFIX "<NAME>`. Each can "
		"also be given as `" SETTINGS_PREFIX "<NAME>_FILE`: the path of a file whose "
		"content is the value, for mounted secrets. An empty variable counts as not set.\n"
		"\n"
		"`workspace-proxy check` reads the configuration as the sidecar would, `check "
		"relay` as the relay would, and either prints what it understood or every "
		"problem at once. Unknown `" SETTINGS_PREFIX
		"*` names are problems; those that Kubernetes makes for a Service are ignored.\n"
		"\n"
		"Durations are numbers with `ms`, `s`, `m` or `h` (`90s`, `1h30m`); sizes are "
		"bytes or numbers with `KiB`, `MiB` or `GiB`.\n"
		"\n"
		"The least that serves a workspace:\n"
		"\n"
		"```sh\n" SETTINGS_PREFIX
		"EXTERNAL_URL=https://kiwi.ws.example.com\n" SETTINGS_PREFIX
		"TLS_CERT_FILE=/etc/workspace-proxy/tls.crt\n" SETTINGS_PREFIX
		"TLS_KEY_FILE=/etc/workspace-proxy/tls.key\n" SETTINGS_PREFIX
		"GITLAB_URL=https://gitlab.example.com\n" SETTINGS_PREFIX
		"CLIENT_ID=5f2a8d…\n" SETTINGS_PREFIX
		"CLIENT_SECRET_FILE=/etc/workspace-proxy/client-secret\n" SETTINGS_PREFIX
		"COOKIE_SECRET_FILE=/etc/workspace-proxy/cookie-secret\n" SETTINGS_PREFIX
		"WORKSPACE_ID=7\n"
		"```\n"
		"\n"
		"The least that runs the relay, which reads listeners, limits and logging as "
		"well:\n"
		"\n"
		"```sh\n" SETTINGS_PREFIX "RELAY_URL=https://relay.ws.example.com\n" SETTINGS_PREFIX
		"RELAY_MASTER_KEY_FILE=/etc/workspace-proxy/master-key\n" SETTINGS_PREFIX
		"RELAY_ZONES=ws.example.com\n" SETTINGS_PREFIX
		"TLS_CERT_FILE=/etc/workspace-proxy/tls.crt\n" SETTINGS_PREFIX
		"TLS_KEY_FILE=/etc/workspace-proxy/tls.key\n" SETTINGS_PREFIX
		"GITLAB_URL=https://gitlab.example.com\n" SETTINGS_PREFIX "CLIENT_ID=5f2a8d…\n"
		"```\n"
		"\n"
		"This file is generated from the program's table of settings: `workspace-proxy "
		"docs configuration`.\n",
	.settings = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};
