/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy serve` and `relay`: build the sidecar or the relay from its parts, and run the
 * loop until the process is told to stop.
 */
#ifndef PROXY_SERVE_H
#define PROXY_SERVE_H

#include "proxy/settings/settings.h"

/* Returns the exit code: 0 after a drain, 1 when something could not be started, which was logged.
 * command: SETTINGS_SERVE or SETTINGS_RELAY.
 * settings belong to the caller and outlive the call. */
int serve_run(struct settings *settings, enum settings_command command);

#endif
