/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces, pods with a sidecar, their secrets and policies.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_WORKSPACES_H
#define CONTAINER_CLUSTER_CLUSTER_WORKSPACES_H

#include "container/cluster/cluster_report.h"

void cluster_check_workspaces(const struct cluster_check *c);

/* Prints pods whose sidecar does not have the image of new ones: "namespace/name", a tab, the
 * image. */
void cluster_list_old(const struct cluster_check *c);

/* Calls found for each secret that is checked: those of pods with a sidecar, and of Deployments in
 * the given namespace. */
void cluster_each_secret(const struct cluster_objects *o, struct str namespace,
			 void (*found)(const struct cluster_object *user, struct str namespace,
				       struct str name, void *arg),
			 void *arg);

#endif
