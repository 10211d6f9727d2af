/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git's configuration in the environment of the IDE's container.
 */
#ifndef CONTAINER_INJECT_IDE_INJECT_GIT_CONFIG_H
#define CONTAINER_INJECT_IDE_INJECT_GIT_CONFIG_H

#include "container/inject/inject_private.h"

/* The value of git's credential.helper in the IDE's container. */
#define INJECT_GIT_HELPER                                                                          \
	INJECT_GIT_PATH "/git-credential-workspace --socket " INJECT_GIT_PATH "/credential.sock"

/* Appends the configuration to the environment of the IDE's container unless it is there. */
void inject_git_config(struct inject *c);

#endif
