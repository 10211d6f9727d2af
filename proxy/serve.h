/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy serve` and `relay`: build the sidecar or the relay from its parts, and run the
 * event loop until the process is told to stop.
 */
#ifndef PROXY_SERVE_H
#define PROXY_SERVE_H

#include "proxy/settings/settings.h"

struct proxy;

/* Runs the server. command: SETTINGS_SERVE or SETTINGS_RELAY. Returns the exit code: 0 after a
 * graceful shutdown, 1 after an error, which it has logged. The caller keeps ownership of settings.
 */
int serve_run(struct settings *settings, enum settings_command command);

/* Restricts the process (seccomp, Landlock). Call it after everything has been opened and before
 * the first thread. connects: whether the process opens connections. */
void serve_sandbox_enter(const struct proxy *p, bool connects);

#endif
