/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hosts the relay may redirect browsers to, and the key of each host.
 */
#ifndef AUTH_RELAY_RELAY_ZONE_H
#define AUTH_RELAY_RELAY_ZONE_H

#include "base/arena.h"
#include "base/secret.h"

#define RELAY_ZONES_MAX	    32u
#define RELAY_AUTHORITY_MAX 259u /* a host name of 253 bytes, ':' and five digits */

/* "ws.example.com", "ws.example.com:8443"; canonical: see relay_parse_zone. */
struct relay_zones {
	struct str items[RELAY_ZONES_MAX];
	size_t count;
};

/* Parses a zone in any spelling: a host name, with a port if workspaces have one. */
bool relay_parse_zone(struct str text, struct arena *a, struct str *zone, struct err *e) MUST_CHECK;

/* Appends a workspace's host in the form that its key derives from: lower case, without the default
 * port. */
bool relay_parse_host(struct str text, struct buf *out, struct err *e) MUST_CHECK;

/* Whether the authority, in that form, is exactly one label below a zone. */
bool relay_zones_contain(const struct relay_zones *zones, struct str authority);

/* Derives the key of one workspace, 32 bytes; the caller frees it. NULL on failure. */
struct secret *relay_derive_key(const struct secret *master, struct str authority,
				struct err *e) MUST_CHECK;

#endif
