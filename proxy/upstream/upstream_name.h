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

/* Called from the event loop after each look-up with the permitted addresses, even if they have not
 * changed. count 0: there are none. */
typedef void upstream_named_fn(const struct address *addresses, size_t count, void *arg);

struct upstream_name_options {
	const char *host;
	uint16_t port;
	const struct cidr_set *allowed; /* otherwise ignored addresses to accept; outlives it */
	uint64_t timeout_ms;		/* of one look-up */
	uint64_t interval_ms;		/* between look-ups */
	uint64_t retry_ms;		/* after a failure, and for upstream_name_hurry */
	uint64_t stale_ms;		/* lifetime of addresses while look-ups fail */
};

struct upstream_name *upstream_name_new(struct loop *l, const struct upstream_name_options *options,
					upstream_named_fn *named, void *arg,
					struct err *e) MUST_CHECK;
void upstream_name_free(struct upstream_name *n); /* does nothing for NULL */

/* Looks the name up in the background, unless the last look-up was less than retry_ms ago. For when
 * the upstream is needed and no known address accepts connections. */
void upstream_name_hurry(struct upstream_name *n);

#endif
