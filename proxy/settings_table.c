/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table with every setting. Values, defaults, ranges, help, `check` and
 * docs/configuration.md all come from these rows; what must hold between settings is
 * settings_check.c.
 *
 * Rows with CLONE_TOO are what `workspace-proxy clone` reads as well, rows with RELAY_TOO what
 * `workspace-proxy relay` does.
 */
#include "proxy/settings_table.h"
#include "clone/credential.h"
#include "proxy/settings.h"
#include "proxy/settings_parse.h"

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
	{.group = "GitLab",
	 .name = "GITLAB_URL",
	 .type = CONF_URL,
	 .flags = CONF_REQUIRED | CLONE_TOO | RELAY_TOO | INJECT_TOO,
	 .offset = AT(auth.gitlab_url),
	 .expected = "a URL such as https://gitlab.example.com",
	 .alias = SETTINGS_FOREIGN "OIDC_ISSUER_URL",
	 .text = "GitLab as browsers see it; it may have a path. Plain http is taken for loopback "
		 "hosts and names under `.localhost` and `.test` only: login, code and tokens "
		 "would travel in the clear."},
	{.group = "GitLab",
	 .name = "GITLAB_API_URL",
	 .type = CONF_URL,
	 .flags = CLONE_TOO | INJECT_TOO,
	 .offset = AT(auth.gitlab_api_url),
	 .expected = "a URL such as https://gitlab.example.com",
	 .unset = "`GITLAB_URL`",
	 .text = "GitLab as the pod reaches it, where that differs. Plain http is taken with a "
		 "warning, for clusters that encrypt below HTTP."},
	{.group = "GitLab",
	 .name = "GITLAB_CA_FILE",
	 .type = CONF_PATH,
	 .flags = CLONE_TOO,
	 .offset = AT(gitlab_ca_file),
	 .unset = "the system's",
	 .alias = SETTINGS_FOREIGN "PROVIDER_CA_FILES",
	 .text = "PEM bundle of the authorities that GitLab's certificate is verified against, for "
		 "the API and for git alike."},
	{.group = "GitLab",
	 .name = "CLIENT_ID",
	 .type = CONF_TEXT,
	 .flags = CONF_REQUIRED | RELAY_TOO | INJECT_TOO,
	 .offset = AT(auth.client_id),
	 .alias = SETTINGS_FOREIGN "CLIENT_ID",
	 .text = "Application id from GitLab."},
	{.group = "GitLab",
	 .name = "CLIENT_SECRET",
	 .type = CONF_SECRET,
	 .offset = AT(auth.client_secret),
	 .unset = "none: a public client",
	 .alias = SETTINGS_FOREIGN "CLIENT_SECRET",
	 .text = "Application secret from GitLab. Without it the login relies on PKCE alone, and "
		 "the application must be registered as not confidential."},
	{.group = "GitLab",
	 .name = "REDIRECT_URL",
	 .type = CONF_URL,
	 .offset = AT(auth.redirect_url),
	 .expected = "an https URL with a path, exactly as registered with GitLab",
	 .unset = "`RELAY_URL` + `/callback`, or without a relay `EXTERNAL_URL` + `PROXY_PREFIX` + "
		  "`/callback`",
	 .alias = SETTINGS_FOREIGN "REDIRECT_URL",
	 .text = "The callback address, exactly as registered with GitLab."},
	{.group = "GitLab",
	 .name = "SCOPE",
	 .type = CONF_CUSTOM,
	 .flags = RELAY_TOO,
	 .offset = AT(auth.scope),
	 .fallback = "openid read_user read_api write_repository",
	 .parse = settings_parse_scope,
	 .format = settings_format_text,
	 .expected = "scopes with single spaces between, openid among them",
	 .alias = SETTINGS_FOREIGN "SCOPE",
	 .text = "What is asked for at login. `read_user` serves to know the user, `read_api` for "
		 "authorization, `write_repository` to clone and push. For the relay: the most "
		 "that a workspace may ask for."},
	{.group = "GitLab",
	 .name = "PROXY_PREFIX",
	 .type = CONF_CUSTOM,
	 .offset = AT(auth.prefix),
	 .fallback = "/oauth2",
	 .parse = settings_parse_prefix,
	 .format = settings_format_text,
	 .expected = "a path such as /oauth2 of letters, digits and -._~, at most 64 bytes, "
		     "without a / at its end",
	 .alias = SETTINGS_FOREIGN "PROXY_PREFIX",
	 .text = "Where our own endpoints live (`start`, `callback`, `sign_in`, `sign_out`, "
		 "`auth`, `userinfo`, `workspace`)."},
	{.group = "Relay",
	 .name = "RELAY_URL",
	 .type = CONF_URL,
	 .flags = RELAY_TOO | INJECT_TOO,
	 .offset = AT(auth.relay_url),
	 .expected = "an https URL such as https://relay.ws.example.com",
	 .unset = "GitLab sends browsers back to the workspace itself",
	 .text = "Base of the relay, the one callback address for all workspaces: register "
		 "`RELAY_URL` + `/callback` with GitLab. The same for the relay and the sidecars."},
	{.group = "Relay",
	 .name = "RELAY_KEY",
	 .type = CONF_CUSTOM,
	 .flags = CONF_HIDDEN,
	 .offset = AT(auth.relay_key),
	 .parse = settings_parse_relay_key,
	 .format = settings_format_relay_key,
	 .expected = "what `workspace-proxy relay-key` prints for this workspace's host",
	 .text = "This workspace's key for the relay. Needed with `RELAY_URL`."},
	{.group = "Relay",
	 .name = "RELAY_MASTER_KEY",
	 .type = CONF_CUSTOM,
	 .flags = SETTINGS_RELAY_ONLY | CONF_HIDDEN,
	 .offset = AT(relay.master_keys),
	 .parse = settings_parse_cookie_secret,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys with a comma between",
	 .text = "For `workspace-proxy relay` and `relay-key` alone: what the workspaces' keys "
		 "derive from, such as `openssl rand -hex 32` prints. With two keys both count and "
		 "the first one seals: to rotate, add a new one behind on every replica, then put "
		 "it in front, give the workspaces their new keys, and take the old one away."},
	{.group = "Relay",
	 .name = "RELAY_ZONES",
	 .type = CONF_CUSTOM,
	 .flags = SETTINGS_RELAY_ONLY,
	 .offset = AT(relay.zones),
	 .parse = settings_parse_relay_zones,
	 .format = settings_format_relay_zones,
	 .expected = "host names with commas between, such as ws.example.com, each with a port "
		     "where workspaces have one",
	 .text = "For `workspace-proxy relay` alone: the zones that it may send browsers to. A "
		 "workspace is exactly one label below one of them."},
	{.group = "Sessions",
	 .name = "COOKIE_SECRET",
	 .type = CONF_CUSTOM,
	 .flags = CONF_REQUIRED | CONF_HIDDEN,
	 .offset = AT(auth.cookie_keys),
	 .parse = settings_parse_cookie_secret,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys with a comma between",
	 .alias = SETTINGS_FOREIGN "COOKIE_SECRET",
	 .text = "Key of the session cookie, such as `openssl rand -hex 32` prints. With two keys "
		 "the first seals and both open: put a new one in front to rotate."},
	{.group = "Sessions",
	 .name = "COOKIE_NAME",
	 .type = CONF_CUSTOM,
	 .offset = AT(auth.cookie_name),
	 .fallback = "__Host-workspace-proxy",
	 .parse = settings_parse_cookie_name,
	 .format = settings_format_text,
	 .expected = "a name that starts with __Host-, at most 64 bytes",
	 .alias = SETTINGS_FOREIGN "COOKIE_NAME",
	 .text = "Name of the session cookie. The prefix makes browsers refuse such a cookie from "
		 "sibling hosts."},
	{.group = "Sessions",
	 .name = "COOKIE_EXPIRE",
	 .type = CONF_DURATION,
	 .offset = AT(auth.cookie_expire_ms),
	 .fallback = "24h",
	 .min = SECOND,
	 .max = 720 * HOUR,
	 .alias = SETTINGS_FOREIGN "COOKIE_EXPIRE",
	 .text = "Absolute lifetime of a session; after it the user signs in again."},
	{.group = "Sessions",
	 .name = "SESSION_IDLE",
	 .type = CONF_DURATION,
	 .offset = AT(auth.session_idle_ms),
	 .fallback = "4h",
	 .min = SECOND,
	 .max = 720 * HOUR,
	 .text = "A session that is not used for this long ends. An open WebSocket is use. At most "
		 "`COOKIE_EXPIRE`."},
	{.group = "Sessions",
	 .name = "STATE_DIR",
	 .type = CONF_PATH,
	 .flags = CLONE_TOO,
	 .offset = AT(auth.state_dir),
	 .unset = "sessions live in memory",
	 .expected = "an existing directory that the process may write to",
	 .text = "Where sessions outlive a restart, in a file sealed by `COOKIE_SECRET`. One "
		 "process "
		 "at a time may use it. Without it users are sent through GitLab once more after a "
		 "restart, which trusted applications do without a question."},
	{.group = "Sessions",
	 .name = "API_TOKENS",
	 .type = CONF_BOOL,
	 .offset = AT(auth.api_tokens),
	 .fallback = "off",
	 .text = "Whether programs may bring a GitLab token instead of a session, as "
		 "`Authorization: "
		 "Bearer` or `PRIVATE-TOKEN`: an OAuth or personal access token with `read_api`, "
		 "whose "
		 "user passes `AUTHORIZATION`. The header that let a request in is not passed on. "
		 "When off, "
		 "both headers are left alone."},
	{.group = "Authorization",
	 .name = "AUTHORIZATION",
	 .type = CONF_CUSTOM,
	 .flags = INJECT_TOO,
	 .offset = AT(auth.modes),
	 .fallback = "workspace",
	 .parse = settings_parse_authorization,
	 .format = settings_format_authorization,
	 .expected = "workspace, project, owner, or several of them joined by +",
	 .text = "Who may enter: `workspace` (the user owns `WORKSPACE_ID`), `project` (the user "
		 "is a member of `PROJECT` with at least `PROJECT_ACCESS_LEVEL`), `owner` (the "
		 "user's id is `OWNER_ID`). Joined by `+` all must hold."},
	{.group = "Authorization",
	 .name = "WORKSPACE_ID",
	 .type = CONF_INT,
	 .offset = AT(auth.workspace_id),
	 .min = 1,
	 .max = INT64_MAX,
	 .text = "GitLab's number of this workspace. Needed by `workspace`; also binds cookies to "
		 "it."},
	{.group = "Authorization",
	 .name = "PROJECT",
	 .type = CONF_CUSTOM,
	 .offset = AT(auth.project),
	 .parse = settings_parse_project,
	 .format = settings_format_text,
	 .expected = "a project's id or its full path such as group/project",
	 .text = "Needed by `project`."},
	{.group = "Authorization",
	 .name = "PROJECT_ACCESS_LEVEL",
	 .type = CONF_INT,
	 .offset = AT(auth.project_access_level),
	 .fallback = "30",
	 .min = 5,
	 .max = 60,
	 .text = "Least access level for `project`: 10 guest, 20 reporter, 30 developer, 40 "
		 "maintainer, 50 owner."},
	{.group = "Authorization",
	 .name = "OWNER_ID",
	 .type = CONF_INT,
	 .offset = AT(auth.owner_id),
	 .min = 1,
	 .max = INT64_MAX,
	 .text = "GitLab's number of the user who may enter. Needed by `owner`."},
	{.group = "Authorization",
	 .name = "AUTHORIZATION_INTERVAL",
	 .type = CONF_DURATION,
	 .offset = AT(auth.authorization_interval_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = HOUR,
	 .text = "How often GitLab is asked again while a session is used."},
	{.group = "Authorization",
	 .name = "AUTHORIZATION_GRACE",
	 .type = CONF_DURATION,
	 .offset = AT(auth.authorization_grace_ms),
	 .fallback = "10m",
	 .min = 0,
	 .max = 24 * HOUR,
	 .text = "How long the last answer stands while GitLab can't be reached; then access is "
		 "refused."},
#include "proxy/settings_table_clone.inc"
#include "proxy/settings_table_container.inc"
	{.group = "Limits and timeouts",
	 .name = "CONNECTIONS_MAX",
	 .type = CONF_INT,
	 .flags = RELAY_TOO,
	 .offset = AT(connections_max),
	 .fallback = "4096",
	 .min = 1,
	 .max = 1000000,
	 .text = "Browser connections at the same time; further ones wait to be accepted."},
	{.group = "Limits and timeouts",
	 .name = "CONNECTIONS_PER_ADDRESS_MAX",
	 .type = CONF_INT,
	 .flags = RELAY_TOO,
	 .offset = AT(connections_per_address_max),
	 .fallback = "1024",
	 .min = 1,
	 .max = 1000000,
	 .text = "Connections of one client address (IPv6: of one /64) at the same time; further "
		 "ones are closed at once. It counts what the PROXY header says, where there is "
		 "one. Peers in `TRUSTED_PROXY_IPS`, who speak for many clients, are exempt."},
	{.group = "Limits and timeouts",
	 .name = "WEBSOCKETS_MAX",
	 .type = CONF_INT,
	 .offset = AT(websockets_max),
	 .fallback = "1024",
	 .min = 0,
	 .max = 1000000,
	 .text = "WebSockets at the same time; further upgrades are answered with 429."},
	{.group = "Limits and timeouts",
	 .name = "URI_MAX_SIZE",
	 .type = CONF_SIZE,
	 .flags = RELAY_TOO,
	 .offset = AT(uri_max_bytes),
	 .fallback = "16KiB",
	 .min = 256,
	 .max = 1024 * KIB,
	 .text = "Longest request line: method, address and version. Longer ones are answered with "
		 "414, as are those that fill `HEAD_MAX_SIZE`."},
	{.group = "Limits and timeouts",
	 .name = "HEAD_MAX_SIZE",
	 .type = CONF_SIZE,
	 .flags = RELAY_TOO,
	 .offset = AT(head_max_bytes),
	 .fallback = "32KiB",
	 .min = KIB,
	 .max = 1024 * KIB,
	 .text = "Biggest head of a request or response: first line and header fields. Bigger ones "
		 "are answered with 431 and 502."},
	{.group = "Limits and timeouts",
	 .name = "HEADERS_MAX",
	 .type = CONF_INT,
	 .flags = RELAY_TOO,
	 .offset = AT(headers_max),
	 .fallback = "100",
	 .min = 8,
	 .max = 1000,
	 .text = "Most header fields in a head. More are answered with 431 and 502."},
	{.group = "Limits and timeouts",
	 .name = "BODY_MAX_SIZE",
	 .type = CONF_SIZE,
	 .offset = AT(body_max_bytes),
	 .fallback = "0",
	 .min = 0,
	 .max = INT64_MAX,
	 .text = "Biggest request body for the IDE; `0` is any. Bigger ones are answered with 413: "
		 "before a byte of them reaches the IDE where their length is told, else in the "
		 "middle, and the IDE sees the request break off."},
	{.group = "Limits and timeouts",
	 .name = "HANDSHAKE_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(handshake_timeout_ms),
	 .fallback = "15s",
	 .min = 100,
	 .max = HOUR,
	 .text = "From accepting a connection to the end of its TLS handshake."},
	{.group = "Limits and timeouts",
	 .name = "HEAD_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(head_timeout_ms),
	 .fallback = "30s",
	 .min = 100,
	 .max = HOUR,
	 .text = "From the first byte of a request to the end of its head."},
	{.group = "Limits and timeouts",
	 .name = "KEEPALIVE_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(idle_timeout_ms),
	 .fallback = "75s",
	 .min = 100,
	 .max = 24 * HOUR,
	 .text = "A browser's connection without a request for this long is closed."},
	{.group = "Limits and timeouts",
	 .name = "BODY_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(body_timeout_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = 24 * HOUR,
	 .text = "No byte of a request body for this long ends the request."},
	{.group = "Limits and timeouts",
	 .name = "SEND_TIMEOUT",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(send_timeout_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = 24 * HOUR,
	 .text = "No byte taken by the browser for this long ends the connection."},
	{.group = "Limits and timeouts",
	 .name = "BODY_MIN_RATE",
	 .type = CONF_SIZE,
	 .flags = RELAY_TOO,
	 .offset = AT(body_min_rate),
	 .fallback = "256",
	 .min = 0,
	 .max = 1024 * 1024 * KIB,
	 .text = "Bytes per second of a request body, at least, over `MIN_RATE_PERIOD`; slower "
		 "ones "
		 "are answered with 408, or cut where the answer has begun. Time in which the IDE "
		 "takes nothing does not count. `0` is any."},
	{.group = "Limits and timeouts",
	 .name = "SEND_MIN_RATE",
	 .type = CONF_SIZE,
	 .flags = RELAY_TOO,
	 .offset = AT(send_min_rate),
	 .fallback = "256",
	 .min = 0,
	 .max = 1024 * 1024 * KIB,
	 .text = "Bytes per second that a browser takes of what waits for it, at least, over "
		 "`MIN_RATE_PERIOD`; slower ones are cut. WebSockets are exempt, and time in which "
		 "nothing waits does not count. `0` is any."},
	{.group = "Limits and timeouts",
	 .name = "MIN_RATE_PERIOD",
	 .type = CONF_DURATION,
	 .flags = RELAY_TOO,
	 .offset = AT(min_rate_period_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = HOUR,
	 .text = "Over how much time of waiting for a browser the least rates are measured: a slow "
		 "start has so long."},
	{.group = "Limits and timeouts",
	 .name = "UPSTREAM_CONNECT_TIMEOUT",
	 .type = CONF_DURATION,
	 .offset = AT(upstream_connect_timeout_ms),
	 .fallback = "5s",
	 .min = 100,
	 .max = 10 * MINUTE,
	 .text = "Connecting to the IDE."},
	{.group = "Limits and timeouts",
	 .name = "UPSTREAM_RESPONSE_TIMEOUT",
	 .type = CONF_DURATION,
	 .offset = AT(upstream_response_timeout_ms),
	 .fallback = "10m",
	 .min = 100,
	 .max = 24 * HOUR,
	 .text = "From the end of a request to the head of the IDE's response."},
	{.group = "Limits and timeouts",
	 .name = "UPSTREAM_IDLE_TIMEOUT",
	 .type = CONF_DURATION,
	 .offset = AT(upstream_idle_timeout_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = HOUR,
	 .text = "A pooled connection to the IDE without a request for this long is closed."},
	{.group = "Limits and timeouts",
	 .name = "STREAM_IDLE_TIMEOUT",
	 .type = CONF_DURATION,
	 .offset = AT(stream_timeout_ms),
	 .fallback = "1h",
	 .min = 100,
	 .max = 24 * HOUR,
	 .text = "A WebSocket or a response body on which nothing has moved for this long, in "
		 "either "
		 "direction, is cut."},
	{.group = "Limits and timeouts",
	 .name = "WEBSOCKET_PING_INTERVAL",
	 .type = CONF_DURATION,
	 .offset = AT(websocket_ping_ms),
	 .fallback = "0s",
	 .min = 0,
	 .max = 24 * HOUR,
	 .text = "`0s` is never. A WebSocket on which nothing was sent to the browser for this "
		 "long gets a ping "
		 "from us, between two frames, where something on the way drops idle connections. "
		 "The IDE sees the browser's pong, which needs no answer (RFC 6455 section "
		 "5.5.3)."},
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
