/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups of one host name (getaddrinfo), each in a separate thread, so that a name server that
 * does not respond never blocks the loop.
 *
 * One look-up at a time: after a timeout the next one starts only when the previous thread has
 * ended, so that threads do not accumulate.
 */
#ifndef BASE_NET_RESOLVER_H
#define BASE_NET_RESOLVER_H

#include "base/net/ip.h"
#include "base/net/loop.h"

#define RESOLVER_IPS_MAX 16u

struct resolver;

enum resolver_outcome {
	RESOLVER_FOUND,
	RESOLVER_NO_SUCH_NAME, /* the name does not exist or has no address */
	RESOLVER_FAILED,       /* no answer, or a temporary error */
};

struct resolver_result {
	enum resolver_outcome outcome;
	/* In the order of RFC 6724; further addresses are dropped. */
	struct ip ips[RESOLVER_IPS_MAX];
	size_t count;
	struct err err; /* unless found */
};

typedef void resolver_done_fn(const struct resolver_result *result, void *arg);

struct resolver *resolver_new(struct loop *l, const char *name, uint64_t timeout_ms,
			      resolver_done_fn *done, void *arg, struct err *e) MUST_CHECK;
/* The thread of a running look-up ends by itself; done does not run. Does nothing for NULL. */
void resolver_free(struct resolver *r);

/* Starts a look-up; done runs once, later, from the loop. False: a look-up or its thread is still
 * running, or no thread or descriptor is available; done does not run. */
bool resolver_start(struct resolver *r);

#endif
