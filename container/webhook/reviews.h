/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints for reviews: /mutate and /validate, and /mutate/namespace and /validate/namespace
 * for namespaces in which all pods are injected. An answer waits for the settings of the pod's
 * namespace (namespace_settings.h), and then for the workspace's secret if one has to be created
 * (workspace_secret.h).
 */
#ifndef CONTAINER_WEBHOOK_REVIEWS_H
#define CONTAINER_WEBHOOK_REVIEWS_H

#include "base/http/service.h"
#include "container/webhook/webhook_metrics.h"

#define REVIEW_ROUTES 4

struct review_route {
	struct reviews *reviews;
	enum review_kind kind;
	bool is_for_namespace;
};

/* Outlives the service. */
struct reviews {
	const struct container_settings *settings;
	struct loop *loop;
	struct namespace_settings *namespaces; /* NULL unless WEBHOOK_NAMESPACE_CONFIG_MAP is set */
	struct workspace_secrets *secrets;     /* NULL unless INJECT_SECRETS says create */
	struct webhook_metrics *metrics;
	struct review_route routes[REVIEW_ROUTES]; /* set by reviews_route */
};

bool reviews_route(struct reviews *r, struct service *s, struct err *e) MUST_CHECK;

#endif
