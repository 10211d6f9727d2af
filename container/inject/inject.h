/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts the sidecar into one object of Kubernetes: a pure function of the object and the operator's
 * settings, shared by the filter and the webhook.
 *
 * Whoever labels a pod asks for it; annotations say how. It is repeatable: an object that already
 * is as it must be stays as it is, and nothing that the object claims about itself is believed.
 */
#ifndef CONTAINER_INJECT_INJECT_H
#define CONTAINER_INJECT_INJECT_H

#include "container/container.h"
#include "container/yaml/node.h"

#define INJECT_PREFIX	  "workspace-proxy.io/"
#define INJECT_LABEL	  INJECT_PREFIX "inject"
#define INJECT_NAME	  "workspace-proxy" /* of the container and the network policy */
#define INJECT_PORT_HTTPS "wsp-https"
#define INJECT_NOTES_MAX  16

/* Sentences, in the document's arena; beyond the maximum they are only counted. */
struct inject_notes {
	const char *items[INJECT_NOTES_MAX];
	size_t count;
};

struct inject_report {
	struct inject_notes problems; /* the object can't be taken */
	struct inject_notes warnings; /* it can, and may not do what was meant */
};

/*
 * Changes the object, which belongs to d, to what it must be. True when it asks for the sidecar: a
 * labelled pod or service, or a workload whose pod template is labelled. With problems the object
 * is left in between and must not be used. Check d->failed afterwards.
 */
bool inject_object(const struct container_settings *settings, struct doc *d, struct node *object,
		   struct inject_report *report);

/* Whether a pod asks for the sidecar; false for NULL. */
bool inject_is_labelled(const struct node *pod);

/* Whether the sidecar's containers are the same in two states of a pod, or in neither. */
bool inject_is_kept(const struct node *before, const struct node *after);

/* Ephemeral containers, which a pod that runs can still get: none may reach the sidecar's process
 * or secrets. */
void inject_check_ephemeral(struct doc *d, struct node *pod, struct inject_report *report);

/* Whether the object is a workload or pod, rather than a service. */
bool inject_is_workload(const struct node *object);

/* "Deployment/name", or what is known of it; in the document's arena. */
const char *inject_describe(struct doc *d, const struct node *object);

/* A policy for a namespace (empty: the current one) that admits nothing but the sidecar's port into
 * labelled pods. */
struct node *inject_network_policy(struct doc *d, struct str namespace);
bool inject_is_network_policy(const struct node *object, struct str namespace);

#endif
