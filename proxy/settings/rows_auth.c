/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of authentication: GitLab, the relay, sessions, authorization.
 */
#include "proxy/settings/settings_parse.h"
#include "proxy/settings/settings_rows.h"

static const struct conf_setting gitlab[] = {
	{.name = "GITLAB_URL",
	 .type = CONF_URL,
	 .commands = SERVE | CLONE | RELAY | INJECT | WEBHOOK,
	 .required = SERVE | RELAY | INJECT | WEBHOOK,
	 .offset = AT(auth.gitlab_url),
	 .expected = "a URL such as https://gitlab.example.com",
	 .alias = SETTINGS_FOREIGN "OIDC_ISSUER_URL",
	 .text = "GitLab as browsers see it; it may have a path. Plain http is taken for loopback "
		 "hosts and names under `.localhost` and `.test` only: login, code and tokens "
		 "would travel in the clear."},
	{.name = "GITLAB_API_URL",
	 .type = CONF_URL,
	 .commands = SERVE | CLONE | INJECT | WEBHOOK,
	 .offset = AT(auth.gitlab_api_url),
	 .expected = "a URL such as https://gitlab.example.com",
	 .unset = "`GITLAB_URL`",
	 .text = "GitLab as the pod reaches it, where that differs. Plain http is taken with a "
		 "warning, for clusters that encrypt below HTTP."},
	{.name = "GITLAB_CA_FILE",
	 .type = CONF_PATH,
	 .commands = SERVE | CLONE,
	 .offset = AT(gitlab_ca_file),
	 .unset = "the system's",
	 .alias = SETTINGS_FOREIGN "PROVIDER_CA_FILES",
	 .text = "PEM bundle of the authorities that GitLab's certificate is verified against, for "
		 "the API and for git alike."},
	{.name = "CLIENT_ID",
	 .type = CONF_TEXT,
	 .commands = SERVE | RELAY | INJECT | WEBHOOK,
	 .required = SERVE | RELAY | INJECT | WEBHOOK,
	 .offset = AT(auth.client_id),
	 .alias = SETTINGS_FOREIGN "CLIENT_ID",
	 .text = "Application id from GitLab."},
	{.name = "CLIENT_SECRET",
	 .type = CONF_SECRET,
	 .commands = SERVE,
	 .offset = AT(auth.client_secret),
	 .unset = "none: a public client",
	 .alias = SETTINGS_FOREIGN "CLIENT_SECRET",
	 .text = "Application secret from GitLab. Without it the login relies on PKCE alone, and "
		 "the application must be registered as not confidential."},
	{.name = "REDIRECT_URL",
	 .type = CONF_URL,
	 .commands = SERVE,
	 .offset = AT(auth.redirect_url),
	 .expected = "an https URL with a path, exactly as registered with GitLab",
	 .unset = "`RELAY_URL` + `/callback`, or without a relay `EXTERNAL_URL` + `PROXY_PREFIX` + "
		  "`/callback`",
	 .alias = SETTINGS_FOREIGN "REDIRECT_URL",
	 .text = "The callback address, exactly as registered with GitLab."},
	{.name = "SCOPE",
	 .type = CONF_CUSTOM,
	 .commands = SERVE | RELAY,
	 .offset = AT(auth.scope),
	 .fallback = "openid read_user read_api write_repository",
	 .parse = settings_parse_scope,
	 .format = settings_format_text,
	 .expected = "scopes with single spaces between, openid among them",
	 .alias = SETTINGS_FOREIGN "SCOPE",
	 .text = "What is asked for at login. `read_user` serves to know the user, `read_api` for "
		 "authorization, `write_repository` to clone and push. For the relay: the most "
		 "that a workspace may ask for."},
	{.name = "PROXY_PREFIX",
	 .type = CONF_CUSTOM,
	 .commands = SERVE,
	 .offset = AT(auth.prefix),
	 .fallback = "/oauth2",
	 .parse = settings_parse_prefix,
	 .format = settings_format_text,
	 .expected = "a path such as /oauth2 of letters, digits and -._~, at most 64 bytes, "
		     "without a / at its end",
	 .alias = SETTINGS_FOREIGN "PROXY_PREFIX",
	 .text = "Where our own endpoints live (`start`, `callback`, `sign_in`, `sign_out`, "
		 "`auth`, `userinfo`, `workspace`)."},
};
const struct conf_group settings_gitlab = SETTINGS_GROUP("GitLab", gitlab);

static const struct conf_setting relay[] = {
	{.name = "RELAY_URL",
	 .type = CONF_URL,
	 .commands = SERVE | RELAY | INJECT | WEBHOOK,
	 .offset = AT(auth.relay_url),
	 .expected = "an https URL such as https://relay.ws.example.com",
	 .unset = "GitLab sends browsers back to the workspace itself",
	 .text = "Base of the relay, the one callback address for all workspaces: register "
		 "`RELAY_URL` + `/callback` with GitLab. The same for the relay and the sidecars."},
	{.name = "RELAY_KEY",
	 .type = CONF_CUSTOM,
	 .commands = SERVE,
	 .flags = CONF_HIDDEN,
	 .offset = AT(auth.relay_key),
	 .parse = settings_parse_relay_key,
	 .format = settings_format_relay_key,
	 .expected = "what `workspace-proxy relay-key` prints for this workspace's host",
	 .text = "This workspace's key for the relay. Needed with `RELAY_URL`."},
	{.name = "RELAY_MASTER_KEY",
	 .type = CONF_CUSTOM,
	 .commands = RELAY | RELAY_KEY,
	 .flags = CONF_HIDDEN,
	 .offset = AT(relay.master_keys),
	 .parse = settings_parse_cookie_secret,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys with a comma between",
	 .text = "For `workspace-proxy relay` and `relay-key` alone: what the workspaces' keys "
		 "derive from, such as `openssl rand -hex 32` prints. With two keys both count and "
		 "the first one seals: to rotate, add a new one behind on every replica, then put "
		 "it in front, give the workspaces their new keys, and take the old one away."},
	{.name = "RELAY_ZONES",
	 .type = CONF_CUSTOM,
	 .commands = RELAY | RELAY_KEY,
	 .offset = AT(relay.zones),
	 .parse = settings_parse_relay_zones,
	 .format = settings_format_relay_zones,
	 .expected = "host names with commas between, such as ws.example.com, each with a port "
		     "where workspaces have one",
	 .text = "For `workspace-proxy relay` alone: the zones that it may send browsers to. A "
		 "workspace is exactly one label below one of them."},
};
const struct conf_group settings_relay = SETTINGS_GROUP("Relay", relay);

static const struct conf_setting sessions[] = {
	{.name = "COOKIE_SECRET",
	 .type = CONF_CUSTOM,
	 .commands = SERVE,
	 .required = SERVE,
	 .flags = CONF_HIDDEN,
	 .offset = AT(auth.cookie_keys),
	 .parse = settings_parse_cookie_secret,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys with a comma between",
	 .alias = SETTINGS_FOREIGN "COOKIE_SECRET",
	 .text = "Key of the session cookie, such as `openssl rand -hex 32` prints. With two keys "
		 "the first seals and both open: put a new one in front to rotate."},
	{.name = "COOKIE_NAME",
	 .type = CONF_CUSTOM,
	 .commands = SERVE,
	 .offset = AT(auth.cookie_name),
	 .fallback = "__Host-workspace-proxy",
	 .parse = settings_parse_cookie_name,
	 .format = settings_format_text,
	 .expected = "a name that starts with __Host-, at most 64 bytes",
	 .alias = SETTINGS_FOREIGN "COOKIE_NAME",
	 .text = "Name of the session cookie. The prefix makes browsers refuse such a cookie from "
		 "sibling hosts."},
	{.name = "COOKIE_EXPIRE",
	 .type = CONF_DURATION,
	 .commands = SERVE,
	 .offset = AT(auth.cookie_expire_ms),
	 .fallback = "24h",
	 .min = SECOND,
	 .max = 720 * HOUR,
	 .alias = SETTINGS_FOREIGN "COOKIE_EXPIRE",
	 .text = "Absolute lifetime of a session; after it the user signs in again."},
	{.name = "SESSION_IDLE",
	 .type = CONF_DURATION,
	 .commands = SERVE,
	 .offset = AT(auth.session_idle_ms),
	 .fallback = "4h",
	 .min = SECOND,
	 .max = 720 * HOUR,
	 .text = "A session that is not used for this long ends. An open WebSocket is use. At most "
		 "`COOKIE_EXPIRE`."},
	{.name = "STATE_DIR",
	 .type = CONF_PATH,
	 .commands = SERVE | CLONE,
	 .offset = AT(auth.state_dir),
	 .unset = "sessions live in memory",
	 .expected = "an existing directory that the process may write to",
	 .text = "Where sessions outlive a restart, in a file sealed by `COOKIE_SECRET`. One "
		 "process at a time may use it. Without it users are sent through GitLab once more "
		 "after a restart, which trusted applications do without a question."},
	{.name = "API_TOKENS",
	 .type = CONF_BOOL,
	 .commands = SERVE,
	 .offset = AT(auth.api_tokens),
	 .fallback = "off",
	 .text = "Whether programs may bring a GitLab token instead of a session, as "
		 "`Authorization: Bearer` or `PRIVATE-TOKEN`: an OAuth or personal access token "
		 "with `read_api`, whose user passes `AUTHORIZATION`. The header that let a "
		 "request in is not passed on. When off, both headers are left alone."},
};
const struct conf_group settings_sessions = SETTINGS_GROUP("Sessions", sessions);

static const struct conf_setting authorization[] = {
	{.name = "AUTHORIZATION",
	 .type = CONF_CUSTOM,
	 .commands = SERVE | INJECT | WEBHOOK,
	 .offset = AT(auth.modes),
	 .fallback = "workspace",
	 .parse = settings_parse_authorization,
	 .format = settings_format_authorization,
	 .expected = "workspace, project, owner, or several of them joined by +",
	 .text = "Who may enter: `workspace` (the user owns `WORKSPACE_ID`), `project` (the user "
		 "is a member of `PROJECT` with at least `PROJECT_ACCESS_LEVEL`), `owner` (the "
		 "user's id is `OWNER_ID`). Joined by `+` all must hold."},
	{.name = "WORKSPACE_ID",
	 .type = CONF_INT,
	 .commands = SERVE,
	 .offset = AT(auth.workspace_id),
	 .min = 1,
	 .max = INT64_MAX,
	 .text = "GitLab's number of this workspace. Needed by `workspace`; also binds cookies to "
		 "it."},
	{.name = "PROJECT",
	 .type = CONF_CUSTOM,
	 .commands = SERVE,
	 .offset = AT(auth.project),
	 .parse = settings_parse_project,
	 .format = settings_format_text,
	 .expected = "a project's id or its full path such as group/project",
	 .text = "Needed by `project`."},
	{.name = "PROJECT_ACCESS_LEVEL",
	 .type = CONF_INT,
	 .commands = SERVE,
	 .offset = AT(auth.project_access_level),
	 .fallback = "30",
	 .min = 5,
	 .max = 60,
	 .text = "Least access level for `project`: 10 guest, 20 reporter, 30 developer, 40 "
		 "maintainer, 50 owner."},
	{.name = "OWNER_ID",
	 .type = CONF_INT,
	 .commands = SERVE,
	 .offset = AT(auth.owner_id),
	 .min = 1,
	 .max = INT64_MAX,
	 .text = "GitLab's number of the user who may enter. Needed by `owner`."},
	{.name = "AUTHORIZATION_INTERVAL",
	 .type = CONF_DURATION,
	 .commands = SERVE,
	 .offset = AT(auth.authorization_interval_ms),
	 .fallback = "60s",
	 .min = 100,
	 .max = HOUR,
	 .text = "How often GitLab is asked again while a session is used."},
	{.name = "AUTHORIZATION_GRACE",
	 .type = CONF_DURATION,
	 .commands = SERVE,
	 .offset = AT(auth.authorization_grace_ms),
	 .fallback = "10m",
	 .min = 0,
	 .max = 24 * HOUR,
	 .text = "How long the last answer stands while GitLab can't be reached; then access is "
		 "refused."},
};
const struct conf_group settings_authorization = SETTINGS_GROUP("Authorization", authorization);
