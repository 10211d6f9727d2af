/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table behind /metrics and docs/metrics.md.
 */
#include "container/webhook/webhook_metrics.h"

#include "container/webhook/webhook.h"

const char *const webhook_kinds[REVIEW_KINDS] = {
	[REVIEW_MUTATE] = "mutate", [REVIEW_VALIDATE] = "validate"};
const char *const webhook_outcomes[REVIEW_OUTCOMES] = {[REVIEW_ALLOWED] = "allowed",
						       [REVIEW_PATCHED] = "patched",
						       [REVIEW_DENIED] = "denied",
						       [REVIEW_MALFORMED] = "malformed"};
static const char *const reload_outcomes[2] = {"done", "failed"};
static const char *const round_outcomes[OWN_CERTIFICATE_OUTCOMES] = {
	[OWN_CERTIFICATE_DONE] = "done",
	[OWN_CERTIFICATE_CONFLICT] = "conflict",
	[OWN_CERTIFICATE_FAILED] = "failed"};
static const char *const namespace_outcomes[NAMESPACE_OUTCOMES] = {
	[NAMESPACE_FOUND] = "found", [NAMESPACE_NONE] = "none", [NAMESPACE_FAILED] = "failed"};
static const char *const secret_outcomes[WORKSPACE_SECRET_OUTCOMES] = {
	[WORKSPACE_SECRET_CREATED] = "created",
	[WORKSPACE_SECRET_EXISTING] = "existing",
	[WORKSPACE_SECRET_FAILED] = "failed"};
static const char *const sources[] = {"webhook", NULL};

#define ROW(family, kind, field) METRICS_ROW(family, kind, struct webhook_metrics, field)

static const struct metrics_family families[] = {
	{ROW("workspace_proxy_webhook_reviews_total", METRICS_COUNTER, reviews),
	 .labels = {METRICS_LABEL("webhook", webhook_kinds),
		    METRICS_LABEL("outcome", webhook_outcomes)},
	 .help = "AdmissionReviews answered."},
	{ROW("workspace_proxy_webhook_review_duration_seconds", METRICS_HISTOGRAM, duration),
	 .unit = METRICS_MICROSECONDS, .labels = {METRICS_LABEL("webhook", webhook_kinds)},
	 .bounds = &metrics_latency_bounds, .help = "Time to answer an AdmissionReview."},
	{ROW("workspace_proxy_webhook_secrets_total", METRICS_COUNTER, secrets),
	 .labels = {METRICS_LABEL("outcome", secret_outcomes)},
	 .help = "Secrets of workspaces (INJECT_SECRETS); existing: it existed already, failed: "
		 "the pod was refused, see the log."},
	{ROW("workspace_proxy_webhook_reloads_total", METRICS_COUNTER, reloads),
	 .labels = {METRICS_LABEL("outcome", reload_outcomes)},
	 .help = "Reloads of the webhook's certificate; failed: the old one remains in use."},
	{ROW("workspace_proxy_webhook_certificate_checks_total", METRICS_COUNTER, rounds),
	 .labels = {METRICS_LABEL("outcome", round_outcomes)},
	 .help = "Checks of the webhook's own certificate with the API server; conflict: another "
		 "replica changed it at the same time, failed: see the log."},
	{ROW("workspace_proxy_webhook_namespace_reads_total", METRICS_COUNTER, namespace_reads),
	 .labels = {METRICS_LABEL("outcome", namespace_outcomes)},
	 .help = "Settings of namespaces read from the API server; failed: pods of the namespace "
		 "are refused, see the log."},
	{ROW("workspace_proxy_webhook_certificate_expires_timestamp_seconds", METRICS_GAUGE,
	     expires_at_s),
	 .omits_zero = true, .help = "When the webhook's certificate expires (Unix time)."},
	{ROW("workspace_proxy_webhook_draining", METRICS_GAUGE, draining),
	 .help = "1 while the process shuts down."},
};

const struct metrics_table webhook_metrics_table = {
	.heading = "Admission webhook",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};
