/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation ide-log: a directory for log files, which the IDE's container writes and the
 * sidecar reads. Does nothing without the annotation.
 */
#ifndef CONTAINER_INJECT_IDE_INJECT_LOG_H
#define CONTAINER_INJECT_IDE_INJECT_LOG_H

#include "container/inject/inject_private.h"

/* GitLab workspaces have their logs in the same directory. */
#define INJECT_LOG_PATH "/tmp/workspace-logs"

/* Reports a mount of the IDE at that directory that the sidecar can't use. */
void inject_check_log(struct inject *c);

/* Adds our volume unless the IDE mounts another one there. */
void inject_add_log_volume(struct inject *c, struct node *list);

/* Adds the read-only mount of the sidecar, and the IDE's mount. */
void inject_add_log_mount(struct inject *c, struct node *mounts);
void inject_ensure_log(struct inject *c);

#endif
