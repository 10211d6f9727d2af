/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of the cluster, webhook and relay, and the webhook's configurations and certificate.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_INSTALLATION_H
#define CONTAINER_CLUSTER_CLUSTER_INSTALLATION_H

#include "container/cluster/cluster_report.h"

void cluster_check_installation(const struct cluster_check *c);

/* Returns a setting of the webhook from its Deployment and config map; empty: unknown. */
struct str cluster_webhook_setting(const struct cluster_check *c, const char *name);

#endif
