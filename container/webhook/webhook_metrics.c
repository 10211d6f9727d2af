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

#define FIELD(field) METRICS_FIELD(struct webhook_metrics, field)

static const struct metrics_family families[] = {
	{.name = "workspace_proxy_webhook_reviews_total",
	 .type = METRICS_COUNTER,
	 FIELD(reviews),
	 .labels = {METRICS_LABEL("webhook", webhook_kinds),
		    METRICS_LABEL("outcome", webhook_outcomes)},
	 .help = "AdmissionReviews answered."},
	{.name = "workspace_proxy_webhook_review_duration_seconds",
	 .type = METRICS_HISTOGRAM,
	 .unit = METRICS_MICROSECONDS,
	 FIELD(duration),
	 .labels = {METRICS_LABEL("webhook", webhook_kinds)},
	 .bounds = &metrics_latency_bounds,
	 .help = "Time to answer an AdmissionReview."},
	{.name = "workspace_proxy_webhook_secrets_total",
	 .type = METRICS_COUNTER,
	 FIELD(secrets),
	 .labels = {METRICS_LABEL("outcome", secret_outcomes)},
	 .help = "Secrets of workspaces (INJECT_SECRETS); existing: there was one, failed: the pod "
		 "was refused, see the log."},
	{.name = "workspace_proxy_webhook_reloads_total",
	 .type = METRICS_COUNTER,
	 FIELD(reloads),
	 .labels = {METRICS_LABEL("outcome", reload_outcomes)},
	 .help = "Reloads of the webhook's certificate; failed: the old one stays in use."},
	{.name = "workspace_proxy_webhook_certificate_checks_total",
	 .type = METRICS_COUNTER,
	 FIELD(rounds),
	 .labels = {METRICS_LABEL("outcome", round_outcomes)},
	 .help = "Checks of the webhook's own certificate with the API server; conflict: another "
		 "replica changed it at the same time, failed: see the log."},
	{.name = "workspace_proxy_webhook_namespace_reads_total",
	 .type = METRICS_COUNTER,
	 FIELD(namespace_reads),
	 .labels = {METRICS_LABEL("outcome", namespace_outcomes)},
	 .help = "Settings of namespaces read from the API server; failed: pods of the namespace "
		 "are refused, see the log."},
	{.name = "workspace_proxy_webhook_certificate_expires_timestamp_seconds",
	 .type = METRICS_GAUGE,
	 .omits_zero = true,
	 FIELD(expires_at_s),
	 .help = "When the webhook's certificate expires (Unix time)."},
	{.name = "workspace_proxy_webhook_draining",
	 .type = METRICS_GAUGE,
	 FIELD(draining),
	 .help = "1 while the process shuts down."},
};

const struct metrics_table webhook_metrics_table = {
	.heading = "Admission webhook",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};
