/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of PORTS have a server, for the status page, its JSON and its events. The ports are scanned
 * only on request, and at most once a second for all viewers together.
 */
#ifndef PROXY_PORT_WATCH_H
#define PROXY_PORT_WATCH_H

#include "base/net/loop.h"
#include "proxy/pages/pages.h"
#include "proxy/start/port_scan.h"

struct proxy;

struct port_watch {
	struct proxy *proxy;
	struct loop_timer timer; /* next step of the scan */
	struct port_scan *scan;	 /* NULL: none is running */
	uint64_t scanned_ms;	 /* end of the last scan; 0: none yet */
	struct port_list list;	 /* result of the last scan */
	unsigned version;	 /* number of changes of list */
};

void port_watch_init(struct port_watch *w, struct proxy *p);
void port_watch_fini(struct port_watch *w); /* w may be all zero */

/* Returns the ports with a server, as of the last second or the last completed scan; starts a scan
 * if that is older. NULL without PORTS. Valid until the next call. */
const struct port_list *port_watch_ask(struct port_watch *w);

/* Fills *page with the list and the shares of ports. NULL without PORTS, and at the host of a port,
 * whose guests must not see other ports. */
struct port_watch_page {
	struct page_ports ports;
	struct auth_share shares[AUTH_SHARES_MAX];
};
const struct page_ports *port_watch_describe(struct port_watch *w, uint16_t host_port,
					     struct port_watch_page *page);

/* Returns a number that grows with each change of the list or of the shares. */
unsigned port_watch_version(const struct port_watch *w);

#endif
