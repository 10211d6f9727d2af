/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts a sidecar or relay before it serves its first request (seccomp, Landlock).
 */
#ifndef PROXY_SERVE_SANDBOX_H
#define PROXY_SERVE_SANDBOX_H

#include "proxy/proxy.h"

/* After everything has been opened, and before the first thread. connects: whether the process
 * opens connections. */
void serve_sandbox_enter(const struct proxy *p, bool connects);

#endif
