/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of PORTS have a server, for the status page, its JSON and its events. Scanned only on
 * request, and at most once a second for all viewers together.
 */
#ifndef PROXY_PORT_WATCH_H
#define PROXY_PORT_WATCH_H

#include "base/net/loop.h"
#include "proxy/pages/pages.h"
#include "proxy/start/port_scan.h"

struct proxy;

struct port_watch {
	struct proxy *proxy;
	struct loop_timer timer; /* runs while a long scan goes on */
	struct port_scan *scan;	 /* that goes on; or NULL */
	uint64_t looked_ms;	 /* when the last one ended; 0: never */
	struct port_list list;	 /* that it found */
	unsigned version;	 /* counts changes of list */
};

/* Nothing that is all zero needs to be freed. */
void port_watch_init(struct port_watch *w, struct proxy *p);
void port_watch_fini(struct port_watch *w);

/* NULL: there are no PORTS. Valid until the next call; recent, or of the last second. */
const struct port_list *port_watch_ask(struct port_watch *w);

/* The same for pages, with the shares: filled in. NULL also on the hosts of ports, whose users need
 * not know of the others. */
struct port_watch_page {
	struct page_ports ports;
	struct auth_share shares[AUTH_SHARES_MAX];
};
const struct page_ports *port_watch_describe(struct port_watch *w, uint16_t host_port,
					     struct port_watch_page *page);

/* Counts changes of the list and of shares. */
unsigned port_watch_version(const struct port_watch *w);

#endif
