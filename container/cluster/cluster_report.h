/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of a cluster: the conditions for workspaces to get their sidecars, and for users to reach
 * them. Its findings are one line each: the object and its problem.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_REPORT_H
#define CONTAINER_CLUSTER_CLUSTER_REPORT_H

#include <stdio.h>

#include "container/cluster/cluster_objects.h"

#define CLUSTER_NAMESPACE "workspace-proxy" /* of webhook and relay, in the manifests */
#define CLUSTER_SECRET	  "workspace-proxy-webhook-tls"

struct cluster_report {
	FILE *out;
	size_t problems;
	size_t notes;
	size_t unchecked; /* checks that were not possible */
};

struct cluster_check {
	const struct cluster_objects *objects;
	struct cluster_report *report;
	struct str namespace; /* of webhook and relay */
	int64_t now_s;
};

/* Adds a problem of subject, which is an object or a name. Replaces control characters. */
void cluster_problem(struct cluster_report *r, const struct cluster_object *subject,
		     const char *format, ...) PRINTF_LIKE(3, 4);
void cluster_note(struct cluster_report *r, const struct cluster_object *subject,
		  const char *format, ...) PRINTF_LIKE(3, 4);
void cluster_unchecked(struct cluster_report *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* The subject of a problem that is no object: a host, a kind. */
static inline struct cluster_object
cluster_named(const char *kind, struct str namespace, struct str name)
{
	return (struct cluster_object){
		.kind = str_from(kind), .namespace = namespace, .name = name};
}

#endif
