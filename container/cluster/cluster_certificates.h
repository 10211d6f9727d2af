/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook configurations, and the certificate that the webhook serves.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_CERTIFICATES_H
#define CONTAINER_CLUSTER_CLUSTER_CERTIFICATES_H

#include "container/cluster/cluster_rules.h"

void cluster_check_certificates(const struct cluster_check *c);

#endif
