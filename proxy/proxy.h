/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state shared by the modules of a running sidecar or relay. serve.c composes it; it outlives
 * all connections.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "auth/auth.h"
#include "auth/broker/broker.h"
#include "base/clock.h"
#include "base/net/deferred_free.h"
#include "base/net/tls/tls.h"
#include "base/process/metrics_process.h"
#include "base/process/passed_sockets.h"
#include "proxy/clone_control.h"
#include "proxy/downstream/peers.h"
#include "proxy/http/http1.h"
#include "proxy/ide_status.h"
#include "proxy/metrics.h"
#include "proxy/pages/pages.h"
#include "proxy/port_watch.h"
#include "proxy/settings/settings.h"
#include "proxy/upstream/port_upstreams.h"

struct downstream;
struct log_ring;
struct proxy_header;
struct reload;
struct ssh_probe;

#define PROXY_HOSTS 2

struct proxy {
	const struct settings *settings;
	struct loop *loop;
	struct passed_sockets sockets; /* from the service manager, until listeners take them */
	struct deferred_free_queue deferred_frees;
	struct relay *relay;   /* NULL: a sidecar. A relay has neither auth, clone nor upstreams. */
	struct broker *broker; /* in a relay with the client secret; else NULL */
	struct auth *auth;
	struct clone_control clone_control; /* all zero in a relay */
	struct pages *pages;
	struct upstream *upstream;	       /* the IDE */
	struct ssh_probe *ssh_probe;	       /* NULL: SSH is off */
	struct port_upstreams *port_upstreams; /* the servers behind PORTS; NULL: none */
	struct tls_context *tls;	       /* NULL: no HTTPS listener */
	struct http1_limits limits;
	struct str origin;			 /* of EXTERNAL_URL or RELAY_URL */
	struct str hosts[PROXY_HOSTS];		 /* valid values of Host; unused ones are empty */
	const struct ports *ports;		 /* that are published; NULL: none */
	struct str port_hosts[PROXY_HOSTS];	 /* hosts of ports, without the leading "<port>-" */
	struct str prefix;			 /* of our endpoints; may be empty in a relay */
	LIST_HEAD(, downstream) downstreams;	 /* all public connections */
	LIST_HEAD(, proxy_header) proxy_headers; /* connections that wait for a PROXY header */
	size_t downstreams_count;		 /* length of both lists together */
	struct peers peers;
	size_t websockets_count;	     /* open or being opened */
	size_t ssh_tunnels_count;	     /* counted in websockets_count as well */
	size_t forwards_count, public_count; /* requests being forwarded; those without a session */
	struct log_ring *log_ring;	     /* the last lines of our log */
	struct ide_status ide_status;
	struct port_watch port_watch;
	size_t compressors_count, log_viewers_count, admin_log_readers_count;
	size_t large_heads_count; /* connections that receive a head above HEAD_MAX_SIZE */
	size_t http2_held[2];	  /* bytes, see http2_connection_held.c: without a user, of users */
	bool is_shutting_down;	  /* not ready, but accepts connections during DRAIN_DELAY */
	bool draining;		  /* after DRAIN_DELAY: no new connections */
	struct reload *reload;
	void (*on_capacity)(void *arg); /* a connection was closed: listeners may be resumed */
	void *on_capacity_arg;
	struct metrics_process process;
	struct proxy_metrics metrics;
	uint64_t active_ms; /* monotonic time of the last activity of a user */
	char boot_id[9];    /* random hexadecimal digits, the first half of request ids */
	uint64_t requests;  /* number of requests so far, for request ids */
	char date[CLOCK_HTTP_DATE_SIZE]; /* of date_s */
	int64_t date_s;
};

/* Records activity of a signed-in user. Health checks and polling by our own pages are none. */
static inline void
proxy_note_activity(struct proxy *p)
{
	p->active_ms = loop_now_ms(p->loop);
}

static inline uint64_t
proxy_idle_ms(const struct proxy *p)
{
	uint64_t now_ms = clock_monotonic_ms(); /* loop_now_ms may be older than active_ms */

	return now_ms > p->active_ms ? now_ms - p->active_ms : 0;
}

/* Milliseconds since 1970 (UTC). Computed in microseconds, so that the result is stable. */
static inline int64_t
proxy_last_activity_ms(const struct proxy *p)
{
	uint64_t active_us = p->active_ms * 1000;
	uint64_t now_us = clock_monotonic_us();
	uint64_t idle_us = now_us > active_us ? now_us - active_us : 0;

	return (clock_wall_us() - (int64_t)idle_us) / 1000;
}

/* Returns the value of the Date field (RFC 9110 section 6.6.1), formatted once a second. */
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
