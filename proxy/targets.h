/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers behind PORTS: for each port in use a pool of its own on the IDE's loopback. They are
 * made when a request that may pass asks for one, and few are kept: the one that was not used for
 * longest gives way.
 */
#ifndef PROXY_TARGETS_H
#define PROXY_TARGETS_H

#include "proxy/upstream.h"

struct targets;
struct target; /* one port */

/* options: of each pool, addresses aside. */
struct targets *targets_new(struct loop *l, struct reaper *reaper,
			    const struct upstream_options *options, struct err *e) MUST_CHECK;
void targets_free(struct targets *t); /* every target must have been released */

/* NULL when all are in use, or without memory. Release each. */
struct target *targets_acquire(struct targets *t, uint16_t port);
void targets_release(struct targets *t, struct target *one);

struct upstream *target_upstream(const struct target *one);

/* Those used lately: asks in the background whether somebody listens, and tells what is known. */
typedef void targets_tell_fn(uint16_t port, bool is_ready, void *arg);
void targets_probe(struct targets *t, targets_tell_fn *tell, void *arg);

#endif
