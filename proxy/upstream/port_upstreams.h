/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers behind PORTS: a connection pool on the IDE's loopback for each port in use. A pool is
 * created when an authorized request first needs it. Few are kept; the least recently used one is
 * closed to make room.
 */
#ifndef PROXY_UPSTREAM_PORT_UPSTREAMS_H
#define PROXY_UPSTREAM_PORT_UPSTREAMS_H

#include "base/net/ports.h"
#include "proxy/upstream/upstream.h"

struct port_upstreams;
struct port_upstream; /* one port */

/* options: of each pool, without addresses and idles_count; tls is used for ports that PORTS lists
 * with https. ports outlives the result. NULL: out of memory. */
struct port_upstreams *port_upstreams_new(struct loop *l,
					  struct deferred_free_queue *deferred_frees,
					  const struct upstream_options *options,
					  const struct ports *ports, struct err *e) MUST_CHECK;
void port_upstreams_free(struct port_upstreams *t); /* all ports must have been released */

/* Returns the server of a port, with a new pool if necessary; the caller releases it. NULL if all
 * pools are in use, or without memory. */
struct port_upstream *port_upstreams_acquire(struct port_upstreams *t, uint16_t port);
void port_upstreams_release(struct port_upstreams *t, struct port_upstream *one);

struct upstream *port_upstream_pool(const struct port_upstream *one);

/* Calls report with the last probe's result of each recently used port, and starts new probes in
 * the background. */
typedef void port_upstreams_each_fn(uint16_t port, bool is_ready, void *arg);
void port_upstreams_probe(struct port_upstreams *t, port_upstreams_each_fn *report, void *arg);

#endif
