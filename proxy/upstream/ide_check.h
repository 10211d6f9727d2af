/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performs a probe of the kubelet on loopback, which the kubelet can't reach: connects to a port
 * and, for HTTP, checks the status of one response. Each probe uses a new connection.
 */
#ifndef PROXY_UPSTREAM_IDE_CHECK_H
#define PROXY_UPSTREAM_IDE_CHECK_H

#include "base/health_check.h"
#include "base/net/loop.h"

struct ide_check;

/* Called once, from the event loop, with 200, 503 or 504 and a line that says why. The check has
 * been freed. */
typedef void ide_check_fn(unsigned status, struct str text, void *arg);

/* Starts a check. check outlives it. NULL: out of memory. */
struct ide_check *ide_check_new(struct loop *l, const struct health_check *check,
				ide_check_fn *done, void *arg) MUST_CHECK;
void ide_check_cancel(struct ide_check *c);

#endif
