/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener for the cluster: /ping (the process is alive), /ready (whether it should receive
 * traffic, and its problems), /metrics for Prometheus, /activity (when a user was last active), and
 * /logs where it is turned on, and what
 * the kubelet asks of the IDE (/probe/…). The public listeners never route to it. It exposes no
 * secrets: code in the pod can connect as well.
 */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H

#include "base/http/service.h"
#include "proxy/proxy.h"

/* NULL with an error when the address can't be bound. */
struct service *admin_new(struct proxy *p, const struct address *address, struct err *e) MUST_CHECK;

#endif
