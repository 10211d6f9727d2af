/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation ssh: the mount and the hook of workspace-ssh in the IDE's container. Does nothing
 * without the annotation.
 */
#ifndef CONTAINER_INJECT_IDE_INJECT_SSH_H
#define CONTAINER_INJECT_IDE_INJECT_SSH_H

#include "container/inject/inject_private.h"

/* Reports what makes SSH impossible. */
void inject_check_ssh(struct inject *c);

/* Adds the mount and the hook. */
void inject_ensure_ssh(struct inject *c);

#endif
