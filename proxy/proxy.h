/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modules of the running sidecar or relay share: the parts that serve.c composes, and the
 * few counters that lifecycle needs. Everything here outlives every connection.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "auth/auth.h"
#include "auth/relay/relay.h"
#include "base/clock.h"
#include "base/net/deferred_free.h"
#include "base/net/tls.h"
#include "base/process/metrics_process.h"
#include "base/process/passed_sockets.h"
#include "proxy/clone_control.h"
#include "proxy/downstream/peers.h"
#include "proxy/http/http1.h"
#include "proxy/metrics.h"
#include "proxy/pages/pages.h"
#include "proxy/settings/settings.h"
#include "proxy/upstream/port_upstreams.h"
#include "proxy/upstream/upstream.h"

struct downstream;
struct preface;
struct reload;

#define PROXY_HOSTS 2

struct proxy {
	const struct settings *settings;
	struct loop *loop;
	struct passed_sockets sockets; /* of a service manager, until listeners take them */
	struct deferred_free_queue reaper;
	struct relay *relay; /* NULL: a sidecar; else there is no auth, clone nor upstream */
	struct auth *auth;
	struct clone_control clone_control; /* all zero in a relay */
	struct pages *pages;
	struct upstream *upstream;	/* the IDE */
	struct port_upstreams *targets; /* the servers behind PORTS */
	struct tls_context *tls;	/* NULL: no HTTPS listener */

	struct http1_limits limits;
	struct str origin;	       /* EXTERNAL_URL's, or RELAY_URL's */
	struct str hosts[PROXY_HOSTS]; /* how a Host field may name us; unused ones are empty */
	const struct ports *ports;     /* with hosts of their own; NULL: none */
	struct str port_hosts[PROXY_HOSTS]; /* as hosts, what follows "<port>-" */
	struct str prefix;		    /* of our endpoints; the relay's may be empty */

	struct downstream *downstreams; /* every public connection */
	struct preface *prefaces;	/* connections whose PROXY header is still to come */
	size_t downstreams_count;	/* of both */
	struct peers peers;		/* who they are from */
	size_t websockets_count;	/* open, or asked for */
	size_t compressors_count;
	bool is_leaving; /* asked to end: no longer ready, and serving on for DRAIN_DELAY */
	bool draining;	 /* after that: nothing new */
	struct reload *reload;
	void (*on_capacity)(void *arg); /* a connection ended: accepting may go on */
	void *on_capacity_arg;

	struct metrics_process process;
	struct proxy_metrics metrics;
	uint64_t active_ms; /* monotonic: when a user last did something */

	char boot_id[9]; /* random, the first half of request ids */
	uint64_t requests;
	char date[CLOCK_HTTP_DATE_SIZE]; /* of date_s, for responses without one */
	int64_t date_s;
};

/* A signed-in user does something: not health checks, nor our own pages asking. */
static inline void
proxy_note_activity(struct proxy *p)
{
	p->active_ms = loop_now_ms(p->loop);
}

static inline uint64_t
proxy_idle_ms(const struct proxy *p)
{
	/* Not the loop's time, which may be earlier than active_ms. */
	uint64_t now_ms = clock_monotonic_ms();

	return now_ms > p->active_ms ? now_ms - p->active_ms : 0;
}

/* On the wall clock, since 1970 UTC. Read exactly: a tick between two readings would move it. */
static inline int64_t
proxy_last_activity_ms(const struct proxy *p)
{
	uint64_t active_us = p->active_ms * 1000;
	uint64_t now_us = clock_monotonic_us();
	uint64_t idle_us = now_us > active_us ? now_us - active_us : 0;

	return (clock_wall_us() - (int64_t)idle_us) / 1000;
}

/* The Date field's value (RFC 9110 section 6.6.1), made once a second. */
static inline const char *
proxy_date(struct proxy *p)
{
	int64_t now_s = clock_wall_s();

	if (p->date_s != now_s) {
		clock_format_http_date(now_s, p->date, sizeof(p->date));
		p->date_s = now_s;
	}
	return p->date;
}

#endif
