/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What injection reports about an object: problems, which prevent its use, and warnings. Also the
 * names that the sidecar uses in Kubernetes objects.
 */
#ifndef CONTAINER_INJECT_INJECT_REPORT_H
#define CONTAINER_INJECT_INJECT_REPORT_H

#include "container/yaml/node.h"

#define INJECT_PREFIX	 "workspace-proxy.io/"
#define INJECT_LABEL	 INJECT_PREFIX "inject"
#define INJECT_ENABLED	 "enabled"	   /* the label's value on namespaces */
#define INJECT_NAME	 "workspace-proxy" /* of the container and the network policy */
#define INJECT_NOTES_MAX 16

/* Sentences in the document's arena. count may exceed INJECT_NOTES_MAX; the rest is dropped. */
struct inject_notes {
	const char *items[INJECT_NOTES_MAX];
	size_t count;
};

struct inject_report {
	struct inject_notes problems;
	struct inject_notes warnings;
	/* Of a pod, in its document or arena. */
	struct str secret; /* its name, if it follows from INJECT_SECRET; empty: an annotation's */
	struct str host;   /* of the workspace */
};

/* "Deployment/name", or as much as is known; in the document's arena. */
const char *inject_report_subject(struct doc *d, const struct node *object);

#endif
