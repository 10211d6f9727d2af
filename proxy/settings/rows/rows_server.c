/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the process: listeners, upstream, logging, shutdown.
 */
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/rows/settings_rows.h"

static const char *const log_levels[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
	[LOG_ERROR] = "error", [LOG_OFF] = "off",   NULL};
static const char *const log_formats[] = {[LOG_JSON] = "json", [LOG_TEXT] = "text", NULL};

static const char *const tls_sources[] = {
	[SETTINGS_TLS_FILES] = "files", [SETTINGS_TLS_SELF] = "self", NULL};

static const struct conf_setting listeners[] = {
	{SETTING("EXTERNAL_URL", CONF_URL, auth.external_url, SERVE | ENV),
	 .expected = "an https origin such as https://name.zone",
	 .unset = "**required**, or the origin of `REDIRECT_URL`",
	 .text = "Public origin of the workspace, as the browser's address bar shows it. Requests "
		 "for any other host get 421."},
	{SETTING("HTTPS_ADDRESS", CONF_ADDRESS, https_address, SERVE | RELAY), .fallback = ":8443",
	 .unset = "`:8443` when the TLS files or `TLS=self` are set, else off",
	 .alias = SETTINGS_FOREIGN "HTTPS_ADDRESS", .text = "Public TLS listener."},
	{SETTING("TLS", CONF_CHOICE, tls.source, SERVE), .fallback = "files",
	 .choices = tls_sources,
	 .text = "Certificate of `HTTPS_ADDRESS`: `files` for `TLS_CERT_FILE` and `TLS_KEY_FILE`, "
		 "`self` for one that the sidecar makes itself, for behind an ingress that "
		 "terminates TLS ([what it protects](kubernetes.md#certificates-of-workspaces)). "
		 "It is valid for a day and renewed after twelve hours and on SIGHUP. Its key is "
		 "in memory only; its fingerprint is in the log and at `/certificate` of "
		 "`ADMIN_ADDRESS`."},
	{SETTING("TLS_CERT_FILE", CONF_PATH, tls.cert_file, SERVE | RELAY | WEBHOOK),
	 .alias = SETTINGS_FOREIGN "TLS_CERT_FILE",
	 .text = "PEM file with the certificate chain, the leaf first. Read again on SIGHUP."},
	{SETTING("TLS_KEY_FILE", CONF_PATH, tls.key_file, SERVE | RELAY | WEBHOOK),
	 .alias = SETTINGS_FOREIGN "TLS_KEY_FILE",
	 .text = "PEM file with the certificate's private key. Read again on SIGHUP."},
	{SETTING("HTTP_ADDRESS", CONF_ADDRESS, http_address, SERVE | RELAY), .unset = "off",
	 .alias = SETTINGS_FOREIGN "HTTP_ADDRESS",
	 .text = "Public plain listener, for use behind an ingress that terminates TLS."},
	{SETTING("TRUSTED_PROXY_IPS", CONF_CUSTOM, trusted_proxies, SERVE | RELAY),
	 .parse = settings_parse_networks, .format = settings_format_networks,
	 .expected = "IP addresses and networks such as 10.0.0.0/8,fd00::/8", .unset = "none",
	 .alias = SETTINGS_FOREIGN "TRUSTED_PROXY_IPS",
	 .text = "Peers whose `X-Forwarded-For` and PROXY header give the client's address, for "
		 "logs, for the IDE, for limits per client and at sign-in. Their "
		 "`X-Forwarded-Proto` decides on `STRICT_TRANSPORT_SECURITY`. Forwarding headers "
		 "of all other peers are dropped. With `HTTP2=on` these peers may use HTTP/2 "
		 "without TLS."},
	{SETTING("PROXY_PROTOCOL", CONF_BOOL, proxy_protocol, SERVE | RELAY), .fallback = "off",
	 .text = "Expects a PROXY header, version 1 or 2 "
		 "(https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt), at the start of "
		 "connections from `TRUSTED_PROXY_IPS`. Connections without one are closed."},
	{SETTING("HTTP2", CONF_BOOL, http2, SERVE | RELAY), .fallback = "off",
	 .text = "Offers [HTTP/2](http2.md) to browsers: on the TLS listener by ALPN, and on the "
		 "plain one to `TRUSTED_PROXY_IPS` that begin with it (prior knowledge, `h2c`)."},
	{SETTING("HTTP2_WEBSOCKETS", CONF_BOOL, http2_websockets, SERVE), .fallback = "on",
	 .text = "Takes WebSockets inside HTTP/2 connections (RFC 8441). Otherwise, browsers open "
		 "an HTTP/1.1 connection for each."},
	{SETTING("STRICT_TRANSPORT_SECURITY", CONF_CUSTOM, strict_transport_security,
		 SERVE | RELAY),
	 .fallback = "max-age=31536000", .parse = settings_parse_hsts,
	 .format = settings_format_hsts,
	 .expected = "max-age=<seconds>, with ; includeSubDomains and ; preload if wanted, or off",
	 .text = "`Strict-Transport-Security` (RFC 6797) of every response to a valid request for "
		 "one of our hosts, including responses of the IDE. Sent over TLS, and for "
		 "requests with `X-Forwarded-Proto: https` from `TRUSTED_PROXY_IPS`."},
	{SETTING("ADMIN_ADDRESS", CONF_ADDRESS, admin_address, SERVE | RELAY), .fallback = ":9877",
	 .text = "Listener for the cluster: health checks, metrics and other "
		 "[endpoints](operations.md#admin-listener). The public listeners never route to "
		 "it."},
	{SETTING("ADMIN_LOGS", CONF_BOOL, admin_logs, SERVE | RELAY), .fallback = "off",
	 .text = "Serves the [log](logs.md) at `/logs` of `ADMIN_ADDRESS`, without a login. It "
		 "names users and paths."},
};
const struct conf_group settings_listeners = SETTINGS_GROUP("Listeners", listeners);

static const struct conf_setting ide[] = {
	{SETTING("UPSTREAM", CONF_CUSTOM, upstream, SERVE), .fallback = "http://127.0.0.1:60001",
	 .parse = settings_parse_upstream, .format = settings_format_upstream,
	 .expected = "http://host:port with a numeric host, localhost or a name of UPSTREAM_HOSTS, "
		     "https://host:port on loopback, or unix:/path",
	 .alias = SETTINGS_FOREIGN "UPSTREAMS",
	 .text = "Address of the IDE. `localhost` means 127.0.0.1 and ::1, whichever accepts "
		 "connections. With `https://`, on loopback only, TLS is spoken to it (1.2 or 1.3, "
		 "server name `localhost`); its certificate is not verified."},
	{SETTING("IDE_PROBES", CONF_CUSTOM, ide_probes, SERVE), .parse = settings_parse_ide_probes,
	 .format = settings_format_ide_probes,
	 .expected = "probes such as liveness=3s,http:8080/healthz readiness=1s,tcp:8080",
	 .unset = "none",
	 .text = "Probes of an IDE that listens on loopback, which the kubelet can't reach: "
		 "`/probe/startup`, `/probe/liveness` and `/probe/readiness` of `ADMIN_ADDRESS` "
		 "ask this port (127.0.0.1, or ::1 where that refuses) and path, within the "
		 "timeout, and say 200 or 503. [Injection](injection.md#probes) sets it."},
	{SETTING("UPSTREAM_HOSTS", CONF_CUSTOM, upstream_hosts, SERVE),
	 .parse = settings_parse_hosts, .format = settings_format_hosts,
	 .expected = "host names, separated by commas, such as ide", .unset = "none",
	 .text = "Exact host names that `UPSTREAM` may use, for an IDE in another container "
		 "(Docker Compose). Traffic to it is not encrypted, and goes to whichever server "
		 "the name resolves to. Names are resolved again every 30 seconds while they are "
		 "used. "
		 "Addresses of loopback, link-local and metadata services are refused unless they "
		 "are listed here as well. At most 16 names and 32 addresses."},
	{SETTING("UPSTREAM_PARENT_COOKIES", CONF_BOOL, upstream_parent_cookies, SERVE),
	 .fallback = "off",
	 .text = "Pass cookies of the IDE and of ports for parent domains of their host, which "
		 "browsers send to all workspaces there, and `Clear-Site-Data`. Otherwise such "
		 "cookies stay with the host that set them."},
	{SETTING("EXPLAIN_AFTER", CONF_DURATION, explain_after_ms, SERVE), .fallback = "30s",
	 RANGE(0, HOUR),
	 .text = "How long the IDE may take to accept connections, once the repository is there, "
		 "before the waiting page says [why it does not](logs.md#reasons)."},
	{SETTING("PORTS", CONF_CUSTOM, auth.ports, SERVE | ENV), .parse = settings_parse_ports,
	 .format = settings_format_ports,
	 .expected = "ports and ranges such as 3000,8000-8999,https:8443", .unset = "none",
	 .text = "Ports on the IDE's loopback (127.0.0.1, or ::1 where that refuses) to publish as "
		 "`<port>-<name>.<zone>` for users of the workspace: with "
		 "`EXTERNAL_URL=https://kiwi.ws.example.com`, port 3000 is at "
		 "`https://3000-kiwi.ws.example.com`. `https:` before a port or range is for "
		 "servers that speak TLS (`https:8443,https:9000-9010`); their certificates are "
		 "not verified. If two entries contain a port, the last one counts. At most 64 "
		 "ports and ranges; ranges leave out the proxy's own listeners. DNS and "
		 "certificate must cover these names, as `*.<zone>` does."},
	{SETTING("UPGRADE_PROTOCOLS", CONF_CUSTOM, upgrade_protocols, SERVE),
	 .parse = settings_parse_upgrade_protocols, .format = settings_format_text,
	 .expected = "protocols such as tcp,SPDY/3.1", .unset = "none",
	 .text = "Protocols besides WebSocket to which a request to a port may switch its "
		 "connection with `Upgrade`, such as `tcp` for Docker's API and `SPDY/3.1` for "
		 "Kubernetes': see [ports](ports.md#other-protocols). At most 8. `h2c` and others "
		 "in which a client could send requests past the sign-in are refused."},
};
const struct conf_group settings_ide = SETTINGS_GROUP("IDE", ide);

static const struct conf_setting process[] = {
	{SETTING("LOG_LEVEL", CONF_CHOICE, log_level, SERVE | CLONE | RELAY | INJECT | WEBHOOK),
	 .fallback = "info", .choices = log_levels, .text = "Least severe level that is logged."},
	{SETTING("LOG_FORMAT", CONF_CHOICE, log_format, SERVE | CLONE | RELAY | INJECT | WEBHOOK),
	 .fallback = "json", .choices = log_formats,
	 .text = "Format of the log on standard error."},
	{SETTING("ACCESS_LOG", CONF_BOOL, access_log, SERVE | RELAY), .fallback = "on",
	 .text = "Logs one line for every request."},
	{SETTING("LOG_FILES", CONF_CUSTOM, log_files, SERVE), .parse = settings_parse_log_files,
	 .format = settings_format_log_files,
	 .expected = "absolute paths with wildcards in their last parts, such as "
		     "/tmp/workspace-logs/*.log, separated by commas",
	 .unset = "none",
	 .text = "Files of the workspace that its users see as its [log](logs.md): at most 8 "
		 "patterns such as `/tmp/workspace-logs/*.log`, and of what they match the 16 "
		 "files that changed last. Links are not followed; use a local file system."},
	{SETTING("DRAIN_TIMEOUT", CONF_DURATION, drain_timeout_ms, SERVE | RELAY | WEBHOOK),
	 .fallback = "30s", RANGE(0, HOUR),
	 .text = "On SIGTERM: how long running requests may take before they are aborted."},
	{SETTING("DRAIN_DELAY", CONF_DURATION, drain_delay_ms, SERVE | RELAY | WEBHOOK),
	 .fallback = "2s", RANGE(0, HOUR),
	 .text = "On SIGTERM: how long new connections are still served after `/ready` has begun "
		 "to fail, so that load balancers and API servers can notice. Part of "
		 "`DRAIN_TIMEOUT`, and at most half of it."},
	{SETTING("IDLE_SHUTDOWN", CONF_DURATION, idle_shutdown_ms, SERVE), .fallback = "0s",
	 RANGE(0, 720 * HOUR),
	 .text = "Ends the process as on SIGTERM, with exit code 0, after this long without "
		 "activity; `0s` is never. Requests of signed-in users and guests to the IDE and "
		 "to "
		 "ports, what their clients send (other than empty pongs, and less than 2 KiB a "
		 "minute over SSH) and a clone are activity; health checks and visitors of public "
		 "ports are not."},
	{SETTING("SECCOMP", CONF_BOOL, sandbox.seccomp, SERVE | CLONE | RELAY | WEBHOOK),
	 .fallback = "on",
	 .text = "Whether the process gives up [system calls](security.md#the-process-itself) that "
		 "it does not need, once it has started. `off` is for debugging."},
	{SETTING("LANDLOCK", CONF_BOOL, sandbox.landlock, SERVE | CLONE | RELAY | WEBHOOK),
	 .fallback = "on",
	 .text = "Whether the process gives up files and programs that it does not need, once it "
		 "has started. `off` is for debugging."},
	{SETTING("RELOAD_INTERVAL", CONF_DURATION, reload_interval_ms, SERVE | RELAY),
	 .fallback = "5s", RANGE(0, HOUR),
	 .text = "Interval at which the files of certificate, keys, client secret, deny list and "
		 "certificate authorities are checked; changed ones are read again. SIGHUP reads "
		 "all of them; `0s` is on SIGHUP only."},
};
const struct conf_group settings_process = SETTINGS_GROUP("Logging and shutdown", process);
