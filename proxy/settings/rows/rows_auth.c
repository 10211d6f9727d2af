/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of authentication: GitLab, the relay, sessions, authorization.
 */
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/rows/settings_rows.h"

static const struct conf_setting gitlab[] = {
	{SETTING("GITLAB_URL", CONF_URL, auth.gitlab_url,
		 SERVE | CLONE | RELAY | INJECT | WEBHOOK | GIT_CONFIG),
	 .required = SERVE | RELAY | INJECT | WEBHOOK,
	 .expected = "a URL such as https://gitlab.example.com",
	 .alias = SETTINGS_FOREIGN "OIDC_ISSUER_URL",
	 .text = "GitLab's base URL as browsers see it, with a path where it has one. Plain http "
		 "is accepted for loopback hosts and for names under `.localhost` and `.test` "
		 "only, because login, code and tokens would be sent unencrypted."},
	{SETTING("GITLAB_API_URL", CONF_URL, auth.gitlab_api_url,
		 SERVE | CLONE | RELAY | INJECT | WEBHOOK),
	 .expected = "a URL such as https://gitlab.example.com", .unset = "`GITLAB_URL`",
	 .text = "GitLab's base URL as the pod reaches it, where that differs. Plain http is "
		 "accepted with a warning, for clusters that encrypt below HTTP. The relay uses it "
		 "where it has `CLIENT_SECRET`."},
	{SETTING("GITLAB_CA_FILE", CONF_PATH, gitlab_ca_file, SERVE | CLONE | RELAY),
	 .unset = "the system's", .alias = SETTINGS_FOREIGN "PROVIDER_CA_FILES",
	 .text = "PEM bundle of the authorities that GitLab's certificate is verified against, for "
		 "the API and for git."},
	{SETTING("CLIENT_ID", CONF_TEXT, auth.client_id, SERVE | RELAY | INJECT | WEBHOOK),
	 .required = SERVE | RELAY | INJECT | WEBHOOK, .alias = SETTINGS_FOREIGN "CLIENT_ID",
	 .text = "Id of the OAuth application in GitLab."},
	{SETTING("CLIENT_SECRET", CONF_SECRET, auth.client_secret, SERVE | RELAY),
	 .unset = "none: a public client", .alias = SETTINGS_FOREIGN "CLIENT_SECRET",
	 .text = "Secret of the OAuth application in GitLab. Without it the login relies on PKCE "
		 "alone, and the application must be registered as not confidential. In the relay "
		 "it turns on the [token broker](broker.md), for sidecars with `BROKER=on`, which "
		 "have no secret."},
	{SETTING("REDIRECT_URL", CONF_URL, auth.redirect_url, SERVE | ENV),
	 .expected = "an https URL with a path, exactly as registered with GitLab",
	 .unset = "`RELAY_URL` + `/callback`, or without a relay `EXTERNAL_URL` + `PROXY_PREFIX` + "
		  "`/callback`",
	 .alias = SETTINGS_FOREIGN "REDIRECT_URL",
	 .text = "Callback URL, exactly as registered with GitLab."},
	{SETTING("SCOPE", CONF_CUSTOM, auth.scope, SERVE | RELAY),
	 .fallback = "openid read_user read_api write_repository", .parse = settings_parse_scope,
	 .format = settings_format_text,
	 .expected = "scopes, separated by single spaces, including openid",
	 .alias = SETTINGS_FOREIGN "SCOPE",
	 .text = "Scopes requested at login. `read_user` identifies the user, `read_api` is for "
		 "authorization, `write_repository` to clone and push. For the relay: all that a "
		 "workspace may request."},
	{SETTING("PROXY_PREFIX", CONF_CUSTOM, auth.prefix, SERVE | ENV), .fallback = "/oauth2",
	 .parse = settings_parse_prefix, .format = settings_format_text,
	 .expected = "a path such as /oauth2 of letters, digits and -._~, at most 64 bytes, "
		     "without a / at its end",
	 .alias = SETTINGS_FOREIGN "PROXY_PREFIX",
	 .text = "Path of the proxy's own endpoints (`start`, `callback`, `sign_in`, `sign_out`, "
		 "`auth`, `userinfo`, `workspace`, `jwks`)."},
};
const struct conf_group settings_gitlab = SETTINGS_GROUP("GitLab", gitlab);

static const struct conf_setting relay[] = {
	{SETTING("RELAY_URL", CONF_URL, auth.relay_url, SERVE | RELAY | INJECT | WEBHOOK | ENV),
	 .expected = "an https URL such as https://relay.ws.example.com",
	 .unset = "GitLab sends browsers back to the workspace itself",
	 .text = "Base URL of the relay, the one callback address for all workspaces: register "
		 "`RELAY_URL` + `/callback` with GitLab. The relay and its sidecars have the same "
		 "value."},
	{SETTING("RELAY_KEY", CONF_CUSTOM, auth.relay_key, SERVE), .flags = CONF_HIDDEN,
	 .parse = settings_parse_relay_key, .format = settings_format_relay_key,
	 .expected = "what `workspace-proxy relay-key` prints for this workspace's host",
	 .text = "Key that this workspace shares with the relay. Needed with `RELAY_URL`."},
	{SETTING("BROKER", CONF_BOOL, auth.broker, SERVE | INJECT | WEBHOOK), .fallback = "off",
	 .text = "Lets the relay exchange codes, renew tokens and revoke them, so that the sidecar "
		 "needs no `CLIENT_SECRET` and keeps only [wrapped](broker.md) refresh tokens. "
		 "Needs `RELAY_URL`, and `CLIENT_SECRET` in the relay. `inject` and `webhook` pass "
		 "it on and mount no `client-secret`."},
	{SETTING("RELAY_CA_FILE", CONF_PATH, relay_ca_file, SERVE),
	 .unset = "`GITLAB_CA_FILE`, or the system's",
	 .text = "PEM bundle of the authorities that the relay's certificate is verified against, "
		 "with `BROKER`."},
	{SETTING("RELAY_MASTER_KEY", CONF_CUSTOM, relay.master_keys, RELAY | RELAY_KEY | WEBHOOK),
	 .flags = CONF_HIDDEN, .parse = settings_parse_keys,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys, separated by a comma",
	 .text = "Key that the workspaces' keys are derived from, such as `openssl rand -hex 32` "
		 "prints; for `workspace-proxy relay`, `relay-key`, and `webhook` with "
		 "`INJECT_SECRETS`. Of two keys both are accepted and the first one seals. To "
		 "rotate: add a new key as the second one on every replica, then put it first, "
		 "give the workspaces their new keys, and remove the old one."},
	{SETTING("RELAY_ZONES", CONF_CUSTOM, relay.zones, RELAY | RELAY_KEY),
	 .parse = settings_parse_relay_zones, .format = settings_format_relay_zones,
	 .expected = "host names, separated by commas, such as ws.example.com, each with a port "
		     "where workspaces have one",
	 .text = "Zones that the relay may send browsers to; for `workspace-proxy relay` only. A "
		 "workspace is exactly one label below a zone."},
	{SETTING("RELAY_DENY_FILE", CONF_PATH, relay.deny_file, RELAY), .unset = "no deny list",
	 .text = "File with workspaces and users for which the relay neither exchanges codes nor "
		 "renews tokens: lines `host kiwi.ws.example.com` and `user 1042` (an id in "
		 "GitLab), `#` starts a comment, at most 1 MiB. It is read again when it changes."},
	{SETTING("RELAY_RENEW_MAX", CONF_DURATION, relay.renew_max_ms, RELAY), .fallback = "24h",
	 RANGE(MINUTE, 720 * HOUR),
	 .text = "How long after a login the relay renews its tokens. Set it to the longest "
		 "`COOKIE_EXPIRE` of the sidecars."},
	{SETTING("RELAY_REQUESTS_PER_WORKSPACE_MAX", CONF_INT, relay.requests_max, RELAY),
	 .fallback = "30", RANGE(1, 60000),
	 .text = "Requests of one workspace to the token broker per minute: logins, renewals and "
		 "revocations. Further ones are refused with a time to wait, without a request to "
		 "GitLab."},
};
const struct conf_group settings_relay = SETTINGS_GROUP("Relay", relay);

static const struct conf_setting sessions[] = {
	{SETTING("COOKIE_SECRET", CONF_CUSTOM, auth.cookie_keys, SERVE), .required = SERVE,
	 .flags = CONF_HIDDEN, .parse = settings_parse_cookie_secret,
	 .format = settings_format_cookie_secret,
	 .expected = "32 random bytes as 43 characters of base64url (or 44 of base64) or 64 "
		     "hexadecimal digits, or two such keys, separated by a comma; or 32 characters "
		     "as they are",
	 .alias = SETTINGS_FOREIGN "COOKIE_SECRET",
	 .text = "Key that session cookies are sealed with, such as `openssl rand -hex 32` prints. "
		 "Of two keys the first one seals and both open: put a new one first to rotate."},
	{SETTING("COOKIE_NAME", CONF_CUSTOM, auth.cookie_name, SERVE),
	 .fallback = SETTINGS_COOKIE_NAME, .parse = settings_parse_cookie_name,
	 .format = settings_format_text,
	 .expected = "a name that starts with __Host-, at most 64 bytes",
	 .alias = SETTINGS_FOREIGN "COOKIE_NAME",
	 .text = "Name of the session cookie. The prefix makes browsers refuse such a cookie from "
		 "sibling hosts."},
	{SETTING("COOKIE_EXPIRE", CONF_DURATION, auth.cookie_expire_ms, SERVE), .fallback = "24h",
	 RANGE(SECOND, 720 * HOUR), .alias = SETTINGS_FOREIGN "COOKIE_EXPIRE",
	 .text = "Maximum lifetime of a session. Afterwards the user signs in again."},
	{SETTING("SESSION_IDLE", CONF_DURATION, auth.session_idle_ms, SERVE), .fallback = "4h",
	 RANGE(SECOND, 720 * HOUR),
	 .text = "Idle timeout of a session, at most `COOKIE_EXPIRE`. An open WebSocket counts as "
		 "use."},
	{SETTING("STATE_DIR", CONF_PATH, auth.state_dir, SERVE | CLONE | GIT_CONFIG),
	 .unset = "sessions live in memory",
	 .expected = "an existing directory that the process may write to",
	 .text = "Directory for the file in which sessions survive a restart, sealed with "
		 "`COOKIE_SECRET`. Only one process at a time may use it. Without it a restart "
		 "sends users through GitLab again, which trusted applications do without a "
		 "prompt."},
	{SETTING("API_TOKENS", CONF_BOOL, auth.api_tokens, SERVE), .fallback = "off",
	 .text = "Accepts GitLab tokens of programs in place of a session, as `Authorization: "
		 "Bearer` or `PRIVATE-TOKEN`: OAuth or personal access tokens with `read_api` "
		 "whose user passes `AUTHORIZATION`. The header that authenticated a request is "
		 "not passed on. When off, both headers pass untouched."},
	{SETTING("ASSERTION", CONF_BOOL, auth.assertion, SERVE), .fallback = "off",
	 .text = "Adds `X-Workspace-Assertion` to requests to the IDE and to ports: a JWT that "
		 "says who sent the request, signed (ES256) with a key that follows from "
		 "`COOKIE_SECRET`. The public keys are at `PROXY_PREFIX` + `/jwks`, for everybody, "
		 "and at `/jwks` of `ADMIN_ADDRESS`. The header is removed from requests in either "
		 "case."},
};
const struct conf_group settings_sessions = SETTINGS_GROUP("Sessions", sessions);

/* In the order of enum auth_audience. */
static const char *const audiences[] = {"owner",  "project", "group", "users",
					"gitlab", "public",  NULL};

static const struct conf_setting authorization[] = {
	{SETTING("AUTHORIZATION", CONF_CUSTOM, auth.modes, SERVE | INJECT | WEBHOOK),
	 .fallback = "workspace", .parse = settings_parse_authorization,
	 .format = settings_format_authorization,
	 .expected = "workspace, project, owner, group, users, or several of them joined by +",
	 .text = "Rule for who may enter: `workspace` (the user owns `WORKSPACE_ID`), `project` "
		 "(the user is a member of `PROJECT` with at least `PROJECT_ACCESS_LEVEL`), "
		 "`owner` (the user's id is `OWNER_ID`), `group` (the user is a member of `GROUP`, "
		 "or of a group above it, with at least `GROUP_ACCESS_LEVEL`), `users` (the user "
		 "is listed in `USERS`). Of rules joined by `+` all must hold."},
	{SETTING("WORKSPACE_ID", CONF_INT, auth.workspace_id, SERVE), RANGE(1, INT64_MAX),
	 .text = "Id of this workspace in GitLab. Needed by `workspace`; cookies are bound to it "
		 "as well."},
	{SETTING("PROJECT", CONF_CUSTOM, auth.project, SERVE), .parse = settings_parse_project,
	 .format = settings_format_text,
	 .expected = "a project's id or its full path such as group/project",
	 .text = "Project whose members may enter. Needed by `project`, and for sharing ports with "
		 "its members."},
	{SETTING("PROJECT_ACCESS_LEVEL", CONF_INT, auth.project_access_level, SERVE),
	 .fallback = "30", RANGE(5, 60),
	 .text = "Minimum access level for `project`: 10 guest, 20 reporter, 30 developer, 40 "
		 "maintainer, 50 owner."},
	{SETTING("GROUP", CONF_CUSTOM, auth.group, SERVE), .parse = settings_parse_gitlab_group,
	 .format = settings_format_text,
	 .expected = "a group's id or its full path such as company/team",
	 .text = "Group whose members may enter, including members of the groups above it. One "
		 "group. Needed by `group`; also the group that ports are shared with unless "
		 "another one is named."},
	{SETTING("GROUP_ACCESS_LEVEL", CONF_INT, auth.group_access_level, SERVE), .fallback = "30",
	 RANGE(5, 60),
	 .text = "Minimum access level for `group`, with the values of `PROJECT_ACCESS_LEVEL`; 5 "
		 "is minimal access."},
	{SETTING("USERS", CONF_CUSTOM, auth.users, SERVE), .parse = settings_parse_users,
	 .format = settings_format_text,
	 .expected = "GitLab usernames or ids, separated by commas, at most 64",
	 .text = "Users who may enter, such as `sasha,1042`. Needed by `users`. A number is an id; "
		 "the case of names does not matter. Ids are safer: an account can be renamed, and "
		 "its old name taken by somebody else. Also the users that ports are shared with "
		 "unless others are named."},
	{SETTING("OWNER_ID", CONF_INT, auth.owner_id, SERVE), RANGE(1, INT64_MAX),
	 .text = "Id of the GitLab user who may enter. Needed by `owner`; in other modes only this "
		 "user's token is given to git (`CREDENTIAL_SOCKET`)."},
	{SETTING("PORT_SHARING_MAX", CONF_CHOICE, auth.port_sharing_max, SERVE | INJECT | WEBHOOK),
	 .fallback = "owner", .choices = audiences,
	 .text = "The widest audience with which users of the workspace may [share its "
		 "ports](ports.md#sharing). From the fewest to the most: `owner` (nobody else); "
		 "`project` (members of "
		 "`PROJECT`), `group` and `users`, which are one step and allow each other; "
		 "`gitlab` (everybody with an account in this GitLab); `public` (everybody, "
		 "without a login). Shares with a wider audience end at the next start."},
	{SETTING("AUTHORIZATION_INTERVAL", CONF_DURATION, auth.authorization_interval_ms, SERVE),
	 .fallback = "60s", RANGE(100, HOUR),
	 .text = "Interval at which access is checked with GitLab again while a session is in "
		 "use."},
	{SETTING("AUTHORIZATION_GRACE", CONF_DURATION, auth.authorization_grace_ms, SERVE),
	 .fallback = "10m", RANGE(0, 24 * HOUR),
	 .text = "How long the last result remains valid while GitLab can't be reached. Afterwards "
		 "access is refused."},
};
const struct conf_group settings_authorization = SETTINGS_GROUP("Authorization", authorization);
