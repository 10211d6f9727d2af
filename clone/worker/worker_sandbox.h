/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restrictions of the worker, which parses untrusted data: it gives up most system calls first,
 * and all files except its target once that is known.
 */
#ifndef CLONE_WORKER_WORKER_SANDBOX_H
#define CLONE_WORKER_WORKER_SANDBOX_H

#include "base/err.h"
#include "clone/settings.h"

/* Call it at the start: permits no programs, no listeners, and no files but the system's, the
 * CA file, the target's surroundings and the marker's directory (clone_permit). Files with
 * secrets are not among them. */
void worker_sandbox_enter(const struct clone_settings *settings);

/* Call it once nothing more is fetched and connections are closed: permits no sockets. May be
 * called again. */
void worker_sandbox_leave_network(void);

/* Permits changes only below these directories; ignores NULL. */
void worker_sandbox_keep(const char *directory, const char *other);

#endif
