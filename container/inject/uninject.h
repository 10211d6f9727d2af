/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reverse of injection: its additions are recognised by their names and by the annotations
 * that requested them. Everything else is stored in an annotation at injection, as a JSON Patch,
 * so that the reverse is exact.
 */
#ifndef CONTAINER_INJECT_UNINJECT_H
#define CONTAINER_INJECT_UNINJECT_H

#include "container/inject/inject_report.h"

/* The annotation's name, without our prefix. */
#define UNINJECT_RECORD "original"

/* Writes that annotation, if needed, into an object that injection has just changed. before: the
 * object before injection. */
void uninject_record(struct doc *d, const struct node *before, struct node *object);

/* Removes the sidecar. False: the object has none. If problems are reported, the object may be
 * partly changed and must not be used. */
bool uninject_object(struct doc *d, struct node *object, struct inject_report *report);

#endif
