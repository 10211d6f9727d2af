/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of UPSTREAM and UPSTREAM_HOSTS, of the certificate of HTTPS_ADDRESS, and of SSH. Part
 * of proxy/settings/settings.h.
 */
#ifndef PROXY_SETTINGS_SETTINGS_UPSTREAM_H
#define PROXY_SETTINGS_SETTINGS_UPSTREAM_H

#include "base/health_check.h"
#include "base/net/address.h"
#include "base/net/cidr.h"
#include "base/net/tls/tls.h"

#define SETTINGS_HOSTS_MAX 16

enum settings_tls_source {
	SETTINGS_TLS_FILES,
	SETTINGS_TLS_SELF, /* a certificate of our own */
};

struct settings_tls {
	unsigned source; /* enum settings_tls_source */
	const char *cert_file;
	const char *key_file;
	struct tls_names names; /* of the certificate with SETTINGS_TLS_SELF */
	/* The files' content; set to NULL by the module that takes it over. */
	struct tls_context *loaded;
};

/* Addresses of the IDE: one, two for localhost, or none for a host name. */
struct settings_upstream {
	struct address addresses[2];
	size_t count;
	bool is_https;
	const char *name; /* host name to resolve; NULL: use the addresses */
	uint16_t port;	  /* of the host name */
};

/* Host names that UPSTREAM may have, and special addresses that they may resolve to. */
struct settings_hosts {
	struct str names[SETTINGS_HOSTS_MAX];
	size_t count;
	struct cidr_set addresses;
};

struct settings_ssh {
	/* At most one of the two addresses is set; without either, SSH is off. */
	struct address socket;	 /* of workspace-ssh */
	struct address upstream; /* of an sshd */
	const char *upstream_host_key;
	const char *upstream_user;
	uint64_t tunnels_max;
};

#endif
