/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of the webhook.
 */
#ifndef CONTAINER_WEBHOOK_WEBHOOK_METRICS_H
#define CONTAINER_WEBHOOK_WEBHOOK_METRICS_H

#include "base/metrics.h"
#include "container/webhook/namespace_settings.h"
#include "container/webhook/own_certificate.h"
#include "container/webhook/review.h"

struct webhook_metrics {
	uint64_t reviews[REVIEW_KINDS][REVIEW_OUTCOMES];
	struct metrics_histogram duration[REVIEW_KINDS];
	uint64_t reloads[2]; /* done, failed */
	uint64_t rounds[OWN_CERTIFICATE_OUTCOMES];
	uint64_t namespace_reads[NAMESPACE_OUTCOMES];
	uint64_t secrets[WORKSPACE_SECRET_OUTCOMES];
	int64_t expires_at_s;
	int64_t draining;
};

/* For labels and logs. */
extern const char *const webhook_kinds[REVIEW_KINDS];
extern const char *const webhook_outcomes[REVIEW_OUTCOMES];

#endif
