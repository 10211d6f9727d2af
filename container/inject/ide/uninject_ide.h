/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes what injection has added to the IDE's container, except volume mounts.
 */
#ifndef CONTAINER_INJECT_IDE_UNINJECT_IDE_H
#define CONTAINER_INJECT_IDE_UNINJECT_IDE_H

#include "container/inject/inject_private.h"

void uninject_ide(struct doc *d, struct node *metadata, struct node *spec);

#endif
