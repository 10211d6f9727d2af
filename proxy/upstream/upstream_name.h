/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of an upstream that is configured by name (UPSTREAM=http://ide:8080), resolved
 * repeatedly.
 *
 * Some addresses are ignored, unless UPSTREAM_HOSTS lists them: loopback, link-local, metadata
 * services of clouds, multicast and other addresses that are not those of a host.
 */
#ifndef PROXY_UPSTREAM_UPSTREAM_NAME_H
#define PROXY_UPSTREAM_UPSTREAM_NAME_H

#include "base/net/cidr.h"
#include "base/net/loop.h"

struct upstream_name;

/* The permitted addresses of the last look-up; count 0: none. Called from the loop, also where they
 * are the same as before. */
typedef void upstream_named_fn(const struct address *addresses, size_t count, void *arg);

struct upstream_name_options {
	const char *host;
	uint16_t port;
	const struct cidr_set *allowed; /* exceptions to what no name may lead to; outlives it */
	uint64_t timeout_ms;		/* of one look-up */
	uint64_t interval_ms;		/* between look-ups */
	uint64_t retry_ms;		/* the same after a failure, and for upstream_name_hurry */
	uint64_t stale_ms;		/* addresses count for this long without a newer answer */
};

struct upstream_name *upstream_name_new(struct loop *l, const struct upstream_name_options *options,
					upstream_named_fn *named, void *arg,
					struct err *e) MUST_CHECK;
void upstream_name_free(struct upstream_name *n); /* NULL is fine */

/* Called when the upstream is needed and no known address accepts connections: looks the name up
 * in the background, unless it was looked up a moment ago. */
void upstream_name_hurry(struct upstream_name *n);

#endif
