/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener for the cluster: /ping (the process is alive), /ready (whether it should receive
 * traffic, and its problems), /metrics for Prometheus, /activity (when a user was last active),
 * /logs if ADMIN_LOGS is on, /certificate, /jwks, and /probe/… for the kubelet's probes of the IDE.
 * The public listeners never route to it. It exposes no secrets: code in the pod can connect too.
 */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H

#include "base/http/service.h"
#include "proxy/proxy.h"

/* Binds the address and serves. p outlives the service. NULL with an error if the address can't be
 * bound or memory is short. */
struct service *admin_new(struct proxy *p, const struct address *address, struct err *e) MUST_CHECK;

#endif
