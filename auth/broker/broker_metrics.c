/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the broker's metrics.
 */
#include "auth/broker/broker_private.h"

static const char *const sources[] = {"relay", NULL};

const char *const broker_operation_names[BROKER_OPERATIONS] = {
	[BROKER_REDEEM] = "redeem",
	[BROKER_REFRESH] = "refresh",
	[BROKER_REVOKE] = "revoke",
};
const char *const broker_result_names[BROKER_RESULTS] = {
	[BROKER_RESULT_OK] = "ok",
	[BROKER_RESULT_GRANT_INVALID] = "grant_invalid",
	[BROKER_RESULT_REFUSES_US] = "refuses_us",
	[BROKER_RESULT_UNAVAILABLE] = "unavailable",
	[BROKER_RESULT_LOST] = "lost",
	[BROKER_RESULT_DENIED_WORKSPACE] = "denied_workspace",
	[BROKER_RESULT_DENIED_USER] = "denied_user",
	[BROKER_RESULT_STALE] = "stale",
	[BROKER_RESULT_RATE_LIMITED] = "rate_limited",
	[BROKER_RESULT_BUSY] = "busy",
};
static const char *const rejections[BROKER_REJECTIONS] = {
	[BROKER_REJECTED_MALFORMED] = "malformed",
	[BROKER_REJECTED_ZONE] = "zone",
	[BROKER_REJECTED_KEY] = "key",
};

#define ROW(family, kind, field) METRICS_ROW(family, kind, struct broker_metrics, field)
static const struct metrics_family families[] = {
	{ROW("workspace_proxy_broker_requests_total", METRICS_COUNTER, requests),
	 .labels = {METRICS_LABEL("operation", broker_operation_names),
		    METRICS_LABEL("outcome", broker_result_names)},
	 .help = "Requests of workspaces by operation and outcome; refuses_us: GitLab does not "
		 "accept the application; denied_workspace, denied_user: by RELAY_DENY_FILE; "
		 "stale: the clocks differ; busy: too many requests at once."},
	{ROW("workspace_proxy_broker_request_duration_seconds", METRICS_HISTOGRAM, duration),
	 .unit = METRICS_MICROSECONDS,
	 .labels = {METRICS_LABEL("operation", broker_operation_names)},
	 .bounds = &metrics_latency_bounds,
	 .help = "Duration of requests of workspaces that were sent to GitLab."},
	{ROW("workspace_proxy_broker_requests_rejected_total", METRICS_COUNTER, rejected),
	 .labels = {METRICS_LABEL("reason", rejections)},
	 .help = "Invalid requests, not from a workspace of this relay; zone: their host is not in "
		 "RELAY_ZONES; key: not encrypted with the key of their host."},
	{ROW("workspace_proxy_broker_requests_in_flight", METRICS_GAUGE, in_flight),
	 .help = "Requests that wait for GitLab."},
	{ROW("workspace_proxy_broker_deny_entries", METRICS_GAUGE, deny_entries),
	 .help = "Workspaces and users in RELAY_DENY_FILE."},
};

const struct metrics_table broker_metrics_table = {
	.heading = "Token broker",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};
