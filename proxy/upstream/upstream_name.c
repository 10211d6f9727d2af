/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides when a name is resolved again, which addresses are allowed, and how long the last result
 * is used.
 */
#include "proxy/upstream/upstream_name.h"

#include <stdlib.h>

#include "base/log/log.h"
#include "base/net/resolver.h"
#include "proxy/upstream/upstream.h"

/* Includes addresses that embed others: NAT64, 6to4 and Teredo. */
#define NEVER_UPSTREAM CIDR_LOCAL ",64:ff9b::/96,64:ff9b:1::/48,2002::/16,2001::/32"

struct upstream_name {
	struct loop *loop;
	struct upstream_name_options options;
	struct cidr_set never;
	struct resolver *resolver;
	upstream_named_fn *named;
	void *arg;
	struct loop_timer timer; /* until the next look-up */
	uint64_t asked_ms;
	uint64_t resolved_ms; /* when the current addresses were found; 0: there are none */
	bool is_warned;	      /* a failure since then was logged */
};

static bool
is_permitted(const struct upstream_name *n, const struct address *a)
{
	return !cidr_contains(&n->never, a) || cidr_contains(n->options.allowed, a);
}

static int
compare_ips(const void *a, const void *b)
{
	const struct ip *x = a;
	const struct ip *y = b;

	return memcmp(x->bytes, y->bytes, IP_BYTES);
}

/* Sorts the addresses: name servers rotate their order, which must not count as a change. */
static size_t
take_permitted(const struct upstream_name *n, const struct resolver_result *result,
	       struct address out[UPSTREAM_ADDRESSES_MAX])
{
	struct ip ips[RESOLVER_IPS_MAX];
	size_t count = 0;

	memcpy(ips, result->ips, sizeof(ips));
	qsort(ips, result->count, sizeof(ips[0]), compare_ips);
	for (size_t i = 0; i < result->count && count < UPSTREAM_ADDRESSES_MAX; i++) {
		address_set_ip(&out[count], &ips[i], n->options.port);
		count += is_permitted(n, &out[count]);
	}
	return count;
}

static void
warn_once(struct upstream_name *n, const struct err *why)
{
	if (!n->is_warned)
		log_warn(NULL, "upstream name not resolved", log_cstr("host", n->options.host),
			 log_err(why));
	n->is_warned = true;
}

static void
forget_addresses(struct upstream_name *n)
{
	n->resolved_ms = 0;
	n->named(NULL, 0, n->arg);
}

static bool
is_stale(const struct upstream_name *n)
{
	return n->resolved_ms != 0 && loop_now_ms(n->loop) - n->resolved_ms >= n->options.stale_ms;
}

static void
on_found(struct upstream_name *n, const struct resolver_result *result)
{
	struct address addresses[UPSTREAM_ADDRESSES_MAX];
	size_t count = take_permitted(n, result, addresses);
	struct err why = ERR_INIT;

	if (count == 0) {
		err_set(&why, ERR_DENIED,
			"it resolves only to addresses that are not allowed; UPSTREAM_HOSTS can "
			"list them");
		warn_once(n, &why);
		forget_addresses(n);
		return;
	}
	n->is_warned = false;
	n->resolved_ms = loop_now_ms(n->loop);
	n->named(addresses, count, n->arg);
}

static void
on_resolved(const struct resolver_result *result, void *arg)
{
	struct upstream_name *n = arg;

	switch (result->outcome) {
	case RESOLVER_FOUND:
		on_found(n, result);
		break;
	case RESOLVER_NO_SUCH_NAME:
		warn_once(n, &result->err);
		forget_addresses(n);
		break;
	case RESOLVER_FAILED:
		warn_once(n, &result->err);
		if (is_stale(n))
			forget_addresses(n);
		break;
	}
	if (!n->is_warned)
		loop_timer_start(&n->timer, n->options.interval_ms);
}

/* If the previous look-up hangs, no new one starts, and the addresses become stale here. */
static void
look_up(struct upstream_name *n)
{
	n->asked_ms = loop_now_ms(n->loop);
	loop_timer_start(&n->timer, n->options.retry_ms);
	if (!resolver_start(n->resolver) && is_stale(n))
		forget_addresses(n);
}

static void
on_timer(void *arg)
{
	look_up(arg);
}

struct upstream_name *
upstream_name_new(struct loop *l, const struct upstream_name_options *options,
		  upstream_named_fn *named, void *arg, struct err *e)
{
	struct upstream_name *n = err_alloc(e, sizeof(*n), "out of memory for the upstream's name");

	if (n == NULL)
		return NULL;
	n->loop = l;
	n->options = *options;
	loop_timer_init(&n->timer, l, on_timer, n);
	n->named = named;
	n->arg = arg;
	n->resolver = resolver_new(l, options->host, options->timeout_ms, on_resolved, n, e);
	if (n->resolver == NULL || !cidr_parse(&n->never, STR(NEVER_UPSTREAM), e)) {
		upstream_name_free(n);
		return NULL;
	}
	loop_timer_start(&n->timer, 0); /* from the loop: see sandbox_enter */
	return n;
}

void
upstream_name_free(struct upstream_name *n)
{
	if (n == NULL)
		return;
	loop_timer_fini(&n->timer);
	resolver_free(n->resolver);
	free(n);
}

void
upstream_name_hurry(struct upstream_name *n)
{
	if (loop_now_ms(n->loop) - n->asked_ms >= n->options.retry_ms)
		look_up(n);
}
