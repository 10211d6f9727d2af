/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the checks of a cluster: the conditions for workspaces to get their sidecars, and for
 * users to reach them.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_RULES_H
#define CONTAINER_CLUSTER_CLUSTER_RULES_H

#include "container/cluster/cluster_report.h"

#define CLUSTER_SPACE  "workspace-proxy" /* of webhook and relay, in the manifests */
#define CLUSTER_SECRET "workspace-proxy-webhook-tls"

struct cluster_check {
	const struct cluster_objects *objects;
	struct cluster_report *report;
	struct str space; /* of webhook and relay */
	int64_t now_s;
};

#endif
