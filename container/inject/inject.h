/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds the sidecar to one Kubernetes object: a pure function of the object and the operator's
 * settings, shared by the filter (`inject`) and the admission webhook.
 *
 * A label requests the sidecar, annotations configure it. Injection is idempotent: an object that
 * already has the expected sidecar is left unchanged. What the object says about its own state (the
 * status annotation) is never trusted.
 */
#ifndef CONTAINER_INJECT_INJECT_H
#define CONTAINER_INJECT_INJECT_H

#include "container/container_settings.h"
#include "container/inject/inject_report.h"

/*
 * Changes the object, which belongs to d, into its expected state. True if the object requests the
 * sidecar: a labelled pod or service, or a workload whose pod template is labelled. If problems are
 * reported, the object may be half changed and must not be used. Check d->failed afterwards.
 */
bool inject_object(const struct container_settings *settings, struct doc *d, struct node *object,
		   struct inject_report *report);

/* Writes what a namespace sets for its workspaces, as names and texts of annotations, where the pod
 * has no such annotation. Those that a namespace may not set are problems. */
void inject_apply_defaults(struct doc *d, struct node *pod, const struct node *data,
			   struct inject_report *report);

/* Labels what a namespace with injection has without a label: pods, and services with a port named
 * "workspace". */
void inject_label(struct doc *d, struct node *object);

/* Whether a pod has the label with a value other than "false"; false for NULL. */
bool inject_is_labelled(const struct node *pod);

/* Whether both states of a pod have the same value of the label. */
bool inject_label_is_kept(const struct node *before, const struct node *after);

/* Whether both states of a pod have the same sidecar containers, or neither has any. */
bool inject_sidecar_is_unchanged(const struct node *before, const struct node *after);

/* Checks the ephemeral containers of a running pod: none may reach the sidecar's process or
 * secrets. */
void inject_check_ephemeral(struct doc *d, struct node *pod, struct inject_report *report);

/* Whether the object is a pod or has a pod template. */
bool inject_is_workload(const struct node *object);

#endif
