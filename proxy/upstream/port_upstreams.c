/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of pools by port; the least recently used one without requests is closed.
 */
#include "proxy/upstream/port_upstreams.h"

#include <stdlib.h>

#define PORTS_MAX   32u	   /* pools at the same time */
#define RECENTLY_MS 60000u /* unused ports are listed for this long */

struct port_upstream {
	uint16_t port;
	unsigned users;	  /* number of exchanges that use it */
	uint64_t used_ms; /* when an exchange last began or ended */
	struct upstream *upstream;
};

struct port_upstreams {
	struct loop *loop;
	struct deferred_free_queue *deferred_frees;
	struct upstream_options options;
	const struct ports *ports;
	size_t idles_count; /* of all pools; not the IDE's, which others must not displace */
	struct port_upstream items[PORTS_MAX]; /* port 0: free */
};

struct port_upstreams *
port_upstreams_new(struct loop *l, struct deferred_free_queue *deferred_frees,
		   const struct upstream_options *options, const struct ports *ports, struct err *e)
{
	struct port_upstreams *t = err_alloc(e, sizeof(*t), "out of memory for ports");

	if (t == NULL)
		return NULL;
	t->loop = l;
	t->deferred_frees = deferred_frees;
	t->options = *options;
	t->options.idles_count = &t->idles_count;
	t->ports = ports;
	return t;
}

static void
clear(struct port_upstream *one)
{
	err_assert(one->users == 0);
	upstream_free(one->upstream);
	*one = (struct port_upstream){.port = 0};
}

void
port_upstreams_free(struct port_upstreams *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < PORTS_MAX; i++)
		clear(&t->items[i]);
	free(t);
}

/* Returns a free item, or the least recently used one without users; NULL if all are in use. */
static struct port_upstream *
find_place(struct port_upstreams *t)
{
	struct port_upstream *oldest = NULL;

	for (size_t i = 0; i < PORTS_MAX; i++) {
		struct port_upstream *one = &t->items[i];

		if (one->port == 0)
			return one;
		if (one->users == 0 && (oldest == NULL || one->used_ms < oldest->used_ms))
			oldest = one;
	}
	return oldest;
}

/* Some development servers listen on 127.0.0.1 or ::1 only. */
static bool
set_addresses(struct upstream_options *options, uint16_t port, struct err *e)
{
	options->addresses_count = 2;
	return address_from_host(&options->addresses[0], STR("127.0.0.1"), port, e) &&
	       address_from_host(&options->addresses[1], STR("::1"), port, e);
}

static struct upstream *
make_pool(const struct port_upstreams *t, uint16_t port, struct err *e)
{
	struct upstream_options options = t->options;

	if (!ports_are_https(t->ports, port))
		options.tls = NULL;
	return set_addresses(&options, port, e)
		       ? upstream_new(t->loop, t->deferred_frees, &options, e)
		       : NULL;
}

static struct port_upstream *
make(struct port_upstreams *t, uint16_t port)
{
	struct port_upstream *one = find_place(t);
	struct err e = ERR_INIT;

	if (one == NULL) {
		log_warn(NULL, "too many ports in use at once", log_int("port", port));
		return NULL;
	}
	clear(one);
	one->upstream = make_pool(t, port, &e);
	if (one->upstream == NULL) {
		log_error(NULL, "no pool for a port", log_int("port", port), log_err(&e));
		return NULL;
	}
	one->port = port;
	return one;
}

struct port_upstream *
port_upstreams_acquire(struct port_upstreams *t, uint16_t port)
{
	struct port_upstream *one = NULL;

	for (size_t i = 0; i < PORTS_MAX && one == NULL; i++)
		if (t->items[i].port == port)
			one = &t->items[i];
	if (one == NULL)
		one = make(t, port);
	if (one == NULL)
		return NULL;
	one->users++;
	one->used_ms = loop_now_ms(t->loop);
	return one;
}

void
port_upstreams_release(struct port_upstreams *t, struct port_upstream *one)
{
	err_assert(one->users > 0);
	one->users--;
	one->used_ms = loop_now_ms(t->loop);
}

struct upstream *
port_upstream_pool(const struct port_upstream *one)
{
	return one->upstream;
}

void
port_upstreams_probe(struct port_upstreams *t, port_upstreams_each_fn *report, void *arg)
{
	uint64_t now_ms = loop_now_ms(t->loop);

	for (size_t i = 0; i < PORTS_MAX; i++) {
		const struct port_upstream *one = &t->items[i];

		if (one->port == 0 || (one->users == 0 && now_ms - one->used_ms > RECENTLY_MS))
			continue;
		upstream_probe(one->upstream);
		report(one->port, upstream_is_ready(one->upstream), arg);
	}
}
