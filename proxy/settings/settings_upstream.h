/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of UPSTREAM, UPSTREAM_HOSTS and IDE_PROBES, and those about SSH. Part of
 * proxy/settings/settings.h.
 */
#ifndef PROXY_SETTINGS_SETTINGS_UPSTREAM_H
#define PROXY_SETTINGS_SETTINGS_UPSTREAM_H

#include "base/health_check.h"
#include "base/net/address.h"
#include "base/net/cidr.h"

#define SETTINGS_HOSTS_MAX 16

/* Where the IDE listens; two for localhost, none for a name. */
struct settings_upstream {
	struct address addresses[2];
	size_t count;
	bool is_https;
	const char *name; /* NULL: addresses */
	uint16_t port;	  /* with a name */
};

/* What UPSTREAM may name, and what a name may lead to besides ordinary addresses. */
struct settings_hosts {
	struct str names[SETTINGS_HOSTS_MAX];
	size_t count;
	struct cidr_set addresses;
};

struct settings_ssh {
	/* At most one of the two is set; neither: SSH is off. */
	struct address socket;	 /* of workspace-ssh */
	struct address upstream; /* of an sshd */
	const char *upstream_host_key;
	const char *upstream_user;
	uint64_t tunnels_max;
};

#endif
