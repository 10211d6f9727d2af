/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of an IDE that listens on loopback, where the kubelet can't reach it: they are rewritten
 * to ask the sidecar, which probes the IDE (setting IDE_PROBES). The original probes are stored in
 * the annotation probes.
 */
#ifndef CONTAINER_INJECT_IDE_INJECT_PROBES_H
#define CONTAINER_INJECT_IDE_INJECT_PROBES_H

#include "container/inject/inject_private.h"

/* Whether text is a value of the annotation as injection writes it. */
bool inject_probes_are_valid(struct str text);

/* Sets params.probes to the checks of the sidecar. Does not change the pod. */
void inject_plan_probes(struct inject *c);

/* Points the probes to the sidecar, and writes the annotation. */
void inject_ensure_probes(struct inject *c);

/* Restores the probes of an IDE's container from the annotation's text. */
void inject_restore_probes(struct doc *d, struct node *ide, struct str text);

#endif
