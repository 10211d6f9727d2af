/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy serve`: builds the sidecar from its parts, runs the loop until it is told to
 * stop.
 */
#ifndef PROXY_SERVE_H
#define PROXY_SERVE_H

#include "proxy/settings.h"

/* Returns the exit code: 0 after a drain, 1 when something could not be started, which was logged.
 * settings belong to the caller and outlive the call. */
int serve_run(struct settings *settings);

#endif
