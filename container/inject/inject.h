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
 * reported, the object may be partly changed and must not be used. Check d->failed afterwards.
 */
bool inject_object(const struct container_settings *settings, struct doc *d, struct node *object,
		   struct inject_report *report);

/* Sets annotations, by the names and texts of a namespace's settings, that the pod does not have.
 * Reports those that a namespace may not set as problems. */
void inject_apply_defaults(struct doc *d, struct node *pod, const struct node *data,
			   struct inject_report *report);

/* Labels unlabelled objects of a namespace with injection: pods, and services with a port named
 * "workspace". */
void inject_label(struct doc *d, struct node *object);

/* Whether a pod has the label with a value other than "false"; false for NULL. */
bool inject_is_labelled(const struct node *pod);

/* Whether the label has the same value before and after a change of a pod. */
bool inject_label_is_kept(const struct node *before, const struct node *after);

/* Whether the sidecar's containers are the same before and after a change of a pod, or missing in
 * both. */
bool inject_sidecar_is_unchanged(const struct node *before, const struct node *after);

/* Checks the ephemeral containers of a running pod: none may access the sidecar's process or
 * secrets. */
void inject_check_ephemeral(const struct container_settings *settings, struct doc *d,
			    struct node *pod, struct inject_report *report);

/* Whether the object is a pod or has a pod template. */
bool inject_is_workload(const struct node *object);

#endif
