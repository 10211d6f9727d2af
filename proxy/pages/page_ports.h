/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data about ports that pages show.
 */
#ifndef PROXY_PAGES_PAGE_PORTS_H
#define PROXY_PAGES_PAGE_PORTS_H

#include "auth/auth.h"
#include "proxy/start/port_scan.h"

/* The servers on PORTS, and with whom ports are shared. */
struct page_ports {
	const struct port_list *list;
	struct str host;      /* the host of a port, after "<port>-" */
	const char *audience; /* who may open ports that are not shared */
	bool may_share_with[AUTH_AUDIENCES];
	bool has_group; /* GROUP is the default for sharing with a group */
	bool has_users; /* USERS is the default for sharing with listed users */
	const struct auth_share *shares;
	size_t shares_count;
};

#endif
