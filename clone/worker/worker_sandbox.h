/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restrictions of the worker, which parses untrusted data: it gives up most system calls first,
 * and all files except its target once that is known.
 */
#ifndef CLONE_WORKER_WORKER_SANDBOX_H
#define CLONE_WORKER_WORKER_SANDBOX_H

#include "base/err.h"
#include "clone/settings.h"

/* At the start: no programs, no listeners, no files but the system's, the target's surroundings
 * and GitLab's authorities. Files of secrets are not among them. */
void worker_sandbox_enter(const struct clone_settings *settings);

/* Once nothing more is fetched, and connections are closed: no sockets. May be called again. */
void worker_sandbox_leave_network(void);

/* Changes only below these directories; NULL is skipped. */
void worker_sandbox_keep(const char *directory, const char *other);

#endif
