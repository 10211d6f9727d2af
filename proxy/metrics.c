/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two tables: counters, and gauges that are computed on each scrape.
 */
#include "proxy/metrics.h"

#include "base/clock.h"
#include "proxy/proxy.h"

enum { SIDECAR = 1, RELAY = 2 };

_Static_assert(UPSTREAM_NO_TLS + 1 == METRICS_UPSTREAM_FAILURES, "every failure has a name");

static const char *const sources[] = {"sidecar", "relay", NULL};

static const char *const routes[METRICS_ROUTES] = {
	[METRICS_IDE] = "ide",
	[METRICS_PORT] = "port",
	[METRICS_WEBSOCKET] = "websocket",
	[METRICS_AUTH] = "auth",
	[METRICS_WORKSPACE] = "workspace",
	[METRICS_RELAY] = "relay",
	[METRICS_BROKER] = "broker",
	[METRICS_SSH] = "ssh",
	[METRICS_NO_ROUTE] = "none",
};
static const char *const codes[METRICS_STATUS_CLASSES] = {"none", "1xx", "2xx",
							  "3xx",  "4xx", "5xx"};
static const char *const websocket_ends[METRICS_WEBSOCKET_ENDS] = {
	[METRICS_WEBSOCKET_BROWSER] = "browser", [METRICS_WEBSOCKET_IDE] = "ide",
	[METRICS_WEBSOCKET_SESSION] = "session", [METRICS_WEBSOCKET_DRAIN] = "drain",
	[METRICS_WEBSOCKET_FAILURE] = "failure",
};
static const char *const protocols[METRICS_PROTOCOLS] = {"HTTP/1.0", "HTTP/1.1", "HTTP/2"};
static const char *const http2_ends[METRICS_HTTP2_ENDS] = {"fault", "timeout"};
static const char *const listeners[METRICS_LISTENERS] = {"https", "http"};
static const char *const tls_versions[METRICS_TLS_VERSIONS] = {"TLSv1.2", "TLSv1.3"};
static const char *const tls_failures[METRICS_TLS_FAILURES] = {"error", "timeout"};
static const char *const no_yes[] = {"no", "yes"};
static const char *const reload_outcomes[] = {"done", "failed"};
static const char *const upstream_failures[METRICS_UPSTREAM_FAILURES] = {
	[UPSTREAM_UNREACHABLE] = "unreachable", [UPSTREAM_STALE] = "stale",
	[UPSTREAM_BAD_ANSWER] = "bad_answer",	[UPSTREAM_TIMEOUT] = "timeout",
	[UPSTREAM_BROKEN] = "broken",		[UPSTREAM_NO_TLS] = "tls",
};
static const char *const upstream_states[] = {"idle", "in_use"};

#define COUNTED(family, kind, field) METRICS_ROW(family, kind, struct proxy_metrics, field)
static const struct metrics_family counted[] = {
	{COUNTED("workspace_proxy_http_requests_total", METRICS_COUNTER, requests),
	 .labels = {METRICS_LABEL("route", routes), METRICS_LABEL("code", codes)},
	 .help = "Completed requests by route and class of status; none: the browser disconnected "
		 "before the response. WebSockets and other tunnels (UPGRADE_PROTOCOLS), also "
		 "those of ports, count as websocket when they close."},
	{COUNTED("workspace_proxy_http_request_duration_seconds", METRICS_HISTOGRAM, duration),
	 .unit = METRICS_MICROSECONDS, .labels = {METRICS_LABEL("route", routes)},
	 .bounds = &metrics_latency_bounds,
	 .help = "Time from the complete request head to the end of the response; for WebSockets, "
		 "how long they were open."},
	{COUNTED("workspace_proxy_http_requests_in_flight", METRICS_GAUGE, in_flight),
	 .help = "Requests being served, including open WebSockets and event streams."},
	{COUNTED("workspace_proxy_http_requests_by_protocol_total", METRICS_COUNTER, protocols),
	 .labels = {METRICS_LABEL("protocol", protocols)},
	 .help = "Completed requests, by HTTP version between browser and proxy."},
	{COUNTED("workspace_proxy_http_request_body_bytes_total", METRICS_COUNTER, request_bytes),
	 .help = "Bytes of bodies and WebSockets received from browsers."},
	{COUNTED("workspace_proxy_http_response_body_bytes_total", METRICS_COUNTER, response_bytes),
	 .help = "Bytes of bodies and WebSockets sent to browsers."},
	{COUNTED("workspace_proxy_connections_accepted_total", METRICS_COUNTER, accepted),
	 .labels = {METRICS_LABEL("listener", listeners)}, .help = "Public connections accepted."},
	{COUNTED("workspace_proxy_http2_connections_total", METRICS_COUNTER, http2_connections),
	 .help = "Public connections that use HTTP/2."},
	{COUNTED("workspace_proxy_http2_connections_ended_total", METRICS_COUNTER, http2_ended),
	 .labels = {METRICS_LABEL("reason", http2_ends)},
	 .help = "HTTP/2 connections that the proxy ended; fault: the browser violated the "
		 "protocol or a limit against floods; timeout: idle, or a send or receive "
		 "timeout."},
	{COUNTED("workspace_proxy_connections_limit_reached_total", METRICS_COUNTER, limit_reached),
	 .help = "How often accepting paused because CONNECTIONS_MAX was reached."},
	{COUNTED("workspace_proxy_connections_evicted_total", METRICS_COUNTER, connections_evicted),
	 .help = "Idle connections without a signed-in user that were closed for new ones because "
		 "CONNECTIONS_MAX was reached."},
	{COUNTED("workspace_proxy_websockets_opened_total", METRICS_COUNTER, websockets_opened),
	 .sources = SIDECAR,
	 .help = "WebSockets and other tunnels that the IDE or a port accepted."},
	{COUNTED("workspace_proxy_websockets_closed_total", METRICS_COUNTER, websockets_ended),
	 .sources = SIDECAR, .labels = {METRICS_LABEL("reason", websocket_ends)},
	 .help = "WebSockets and other tunnels that ended, by cause; session: the user's session "
		 "ended, or GitLab could not confirm access; drain: the process is shutting down."},
	{COUNTED("workspace_proxy_ssh_tunnels_opened_total", METRICS_COUNTER, ssh_tunnels_opened),
	 .sources = SIDECAR, .help = "SSH connections that reached sshd in the workspace."},
	{COUNTED("workspace_proxy_tls_handshakes_total", METRICS_COUNTER, tls_handshakes),
	 .labels = {METRICS_LABEL("version", tls_versions), METRICS_LABEL("resumed", no_yes)},
	 .help = "TLS handshakes with browsers that succeeded."},
	{COUNTED("workspace_proxy_tls_handshakes_failed_total", METRICS_COUNTER, tls_failures),
	 .labels = {METRICS_LABEL("reason", tls_failures)},
	 .help = "TLS handshakes that failed, including those that the browser aborted."},
	{COUNTED("workspace_proxy_reloads_total", METRICS_COUNTER, reloads),
	 .labels = {METRICS_LABEL("outcome", reload_outcomes)},
	 .help = "Reloads of certificates and secrets; failed: the old ones remain in use."},
	{COUNTED("workspace_proxy_upstream_failures_total", METRICS_COUNTER, upstream_failures),
	 .sources = SIDECAR, .labels = {METRICS_LABEL("reason", upstream_failures)},
	 .help = "Requests for which the IDE sent no valid response; stale: an idle connection was "
		 "closed at the same moment."},
	{COUNTED("workspace_proxy_upstream_repeats_total", METRICS_COUNTER, upstream_repeats),
	 .sources = SIDECAR,
	 .help = "Requests sent a second time: a pooled connection was closed, or the server of a "
		 "port refused at the first loopback address."},
	{COUNTED("workspace_proxy_compressed_responses_total", METRICS_COUNTER, compressions),
	 .sources = SIDECAR, .help = "Responses that were compressed for the browser."},
	{COUNTED("workspace_proxy_compressions_skipped_total", METRICS_COUNTER,
		 compressions_skipped),
	 .sources = SIDECAR,
	 .help = "Responses sent uncompressed because too many were being compressed already."},
	{COUNTED("workspace_proxy_compressed_bytes_total", METRICS_COUNTER, compressed_bytes),
	 .sources = SIDECAR, .help = "Bytes of response bodies before they were compressed."},
};
static const struct metrics_table counted_table = {
	.heading = "Traffic",
	.families = counted,
	.count = sizeof(counted) / sizeof(counted[0]),
	.sources = sources,
};

/* Computed on each scrape. */
struct state {
	int64_t ready;
	int64_t draining;
	int64_t connections;
	int64_t websockets;
	int64_t ssh_tunnels;
	int64_t last_activity_us;
	int64_t certificate_expires_s;
	int64_t upstream_ready;
	int64_t upstream_connections[2];
	uint64_t upstream_connects;
	int64_t clone_phase[CLONE_PHASES];
	int64_t clone_percent_us; /* millionths */
	int64_t clone_history[CLONE_HISTORY_STATES];
	struct clone_progress clone;
	uint64_t log_lines_lost;
	int64_t start_us[START_STEPS];
};

#define STATE(family, kind, field) METRICS_ROW(family, kind, struct state, field)
static const struct metrics_family states[] = {
	{STATE("workspace_proxy_ready", METRICS_GAUGE, ready),
	 .help = "1 while /ready responds with 200."},
	{STATE("workspace_proxy_draining", METRICS_GAUGE, draining),
	 .help = "1 while the process is shutting down."},
	{STATE("workspace_proxy_connections", METRICS_GAUGE, connections),
	 .help = "Open public connections."},
	{STATE("workspace_proxy_ssh_tunnels", METRICS_GAUGE, ssh_tunnels), .sources = SIDECAR,
	 .help = "SSH tunnels that are open or being opened; they count as WebSockets as well."},
	{STATE("workspace_proxy_websockets", METRICS_GAUGE, websockets), .sources = SIDECAR,
	 .help = "WebSockets and other tunnels that are open or being opened."},
	{STATE("workspace_proxy_last_activity_timestamp_seconds", METRICS_GAUGE, last_activity_us),
	 .unit = METRICS_MICROSECONDS, .sources = SIDECAR,
	 .help = "Time of the last activity of a signed-in user or of a port's guest: a request to "
		 "the IDE or a port, data that the client sends, or SSH; until then, the start of "
		 "the process. With IDLE_SHUTDOWN, a clone counts too. Unix time."},
	{STATE("workspace_proxy_certificate_expires_timestamp_seconds", METRICS_GAUGE,
	       certificate_expires_s),
	 .omits_zero = true,
	 .help = "When the certificate of the HTTPS listener expires (Unix time)."},
	{STATE("workspace_proxy_upstream_ready", METRICS_GAUGE, upstream_ready), .sources = SIDECAR,
	 .help = "1 while the IDE accepts connections."},
	{STATE("workspace_proxy_upstream_connections", METRICS_GAUGE, upstream_connections),
	 .sources = SIDECAR, .labels = {METRICS_LABEL("state", upstream_states)},
	 .help = "Connections to the IDE."},
	{STATE("workspace_proxy_upstream_connects_total", METRICS_COUNTER, upstream_connects),
	 .sources = SIDECAR, .help = "Connection attempts to the IDE."},
	{STATE("workspace_proxy_clone_phase", METRICS_GAUGE, clone_phase), .sources = SIDECAR,
	 .labels = {METRICS_LABEL("phase", clone_phase_names)},
	 .help = "1 for the current phase of the clone."},
	{STATE("workspace_proxy_clone_progress_ratio", METRICS_GAUGE, clone_percent_us),
	 .unit = METRICS_MICROSECONDS, .sources = SIDECAR,
	 .help = "Progress of the clone, from 0 to 1."},
	{STATE("workspace_proxy_clone_received_bytes", METRICS_GAUGE, clone.counters.bytes),
	 .sources = SIDECAR, .help = "Bytes that the clone has received so far."},
	{STATE("workspace_proxy_clone_lfs_objects_done", METRICS_GAUGE, clone.lfs.objects_done),
	 .sources = SIDECAR, .help = "LFS objects that the clone has fetched so far."},
	{STATE("workspace_proxy_clone_lfs_objects", METRICS_GAUGE, clone.lfs.objects_total),
	 .sources = SIDECAR, .help = "LFS objects that the clone needs."},
	{STATE("workspace_proxy_clone_lfs_received_bytes", METRICS_GAUGE, clone.lfs.bytes_done),
	 .sources = SIDECAR,
	 .help = "Bytes of LFS objects that the clone has fetched so far; part of the bytes "
		 "received."},
	{STATE("workspace_proxy_clone_lfs_bytes", METRICS_GAUGE, clone.lfs.bytes_total),
	 .sources = SIDECAR, .help = "Bytes of the LFS objects that the clone needs."},
	{STATE("workspace_proxy_clone_history", METRICS_GAUGE, clone_history), .sources = SIDECAR,
	 .labels = {METRICS_LABEL("state", clone_history_names)},
	 .help = "1 for the state of the history that is fetched after a clone with a depth."},
	{STATE("workspace_proxy_clone_history_received_bytes", METRICS_GAUGE, clone.history.bytes),
	 .sources = SIDECAR, .help = "Bytes of that history that have been received so far."},
	{STATE("workspace_proxy_clone_started_timestamp_seconds", METRICS_GAUGE,
	       clone.started_at_s),
	 .sources = SIDECAR, .omits_zero = true, .help = "When the clone began (Unix time)."},
	{STATE("workspace_proxy_clone_ended_timestamp_seconds", METRICS_GAUGE, clone.ended_at_s),
	 .sources = SIDECAR, .omits_zero = true,
	 .help = "When the clone was done or failed (Unix time)."},
	{STATE("workspace_proxy_start_seconds", METRICS_GAUGE, start_us),
	 .unit = METRICS_MICROSECONDS, .sources = SIDECAR, .omits_zero = true,
	 .labels = {METRICS_LABEL("step", start_step_names)},
	 .help = "Duration of each step of the start that has begun; grows until the step is "
		 "complete. "
		 "sidecar: until it listens; sign_in: from then until the first user is signed in; "
		 "ide: from the start of the process until the IDE is first seen to accept "
		 "connections."},
	{STATE("workspace_proxy_log_lines_lost_total", METRICS_COUNTER, log_lines_lost),
	 .help = "Log lines that were dropped because standard error was blocked."},
};
static const struct metrics_table state_table = {
	.heading = "State",
	.families = states,
	.count = sizeof(states) / sizeof(states[0]),
	.sources = sources,
};

static const char intro[] =
	"# Metrics\n"
	"\n"
	"The metrics at `/metrics` of the admin listener, in Prometheus' text format. Generated "
	"from\n"
	"the tables in the code by `make docs`; do not edit. Labels have only the values listed "
	"here.\n"
	"None of them contains a user's name, a path or anything else from a request.\n";

static void
read_start(const struct proxy *p, struct state *s)
{
	uint64_t durations_us[START_STEPS];

	start_timeline_durations(&p->ide_status.timeline,
				 upstream_figures(p->upstream).first_ready_ms, durations_us);
	for (size_t i = 0; i < START_STEPS; i++)
		s->start_us[i] = (int64_t)durations_us[i];
}

static void
read_sidecar(struct proxy *p, struct state *s)
{
	const struct clone_progress *clone = clone_progress(p->clone_control.clone);
	struct upstream_figures figures = upstream_figures(p->upstream);

	upstream_probe(p->upstream);
	s->upstream_ready = upstream_is_ready(p->upstream);
	s->upstream_connections[0] = (int64_t)figures.idle;
	s->upstream_connections[1] = (int64_t)figures.in_use;
	s->upstream_connects = figures.connects;
	s->websockets = (int64_t)p->websockets_count;
	s->ssh_tunnels = (int64_t)p->ssh_tunnels_count;
	s->last_activity_us = proxy_last_activity_ms(p) * 1000;
	s->clone_phase[clone->phase] = 1;
	s->clone_percent_us = (int64_t)clone->percent * 10000;
	s->clone_history[clone->history.state] = 1;
	s->clone = *clone;
	read_start(p, s);
}

static void
read_state(struct proxy *p, struct state *s)
{
	s->draining = p->is_shutting_down;
	s->ready = !p->is_shutting_down;
	s->log_lines_lost = log_lines_lost();
	s->connections = (int64_t)p->downstreams_count;
	s->certificate_expires_s = p->tls == NULL ? 0 : tls_context_expires_at_s(p->tls);
	if (p->relay == NULL)
		read_sidecar(p, s);
}

void
proxy_metrics_write(struct proxy *p, struct buf *out)
{
	unsigned source = p->relay == NULL ? SIDECAR : RELAY;
	struct state state = {.ready = 0};

	read_state(p, &state);
	metrics_write(&counted_table, &p->metrics, source, out);
	metrics_write(&state_table, &state, source, out);
	if (p->auth != NULL)
		auth_metrics_write(p->auth, out);
	if (p->broker != NULL)
		broker_metrics_write(p->broker, out);
	metrics_process_write(&p->process, out);
}

void
proxy_metrics_print_markdown(FILE *out)
{
	(void)fputs(intro, out);
	metrics_print_markdown(&counted_table, out);
	metrics_print_markdown(&state_table, out);
	metrics_print_markdown(&auth_metrics_table, out);
	metrics_print_markdown(&broker_metrics_table, out);
	metrics_print_markdown(&metrics_process_table, out);
	metrics_print_markdown(&webhook_metrics_table, out);
}
