/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of the relay: the one callback address that GitLab knows for all workspaces.
 *
 * A workspace's sidecar sends the browser here with a request signed by its own key; the relay
 * sends it on to GitLab, and what GitLab answers back to that workspace, in the browser where it
 * began. It keeps nothing between requests, sees neither tokens nor verifiers, and knows no
 * sockets: facts in, a verdict out, at once.
 */
#ifndef AUTH_RELAY_RELAY_H
#define AUTH_RELAY_RELAY_H

#include "auth/auth.h"

#define RELAY_ZONES_MAX	    32u
#define RELAY_AUTHORITY_MAX 259u /* a host name of 253 bytes, ':', five digits */

struct relay_zones { /* "ws.example.com", "ws.example.com:8443"; canonical, see relay_parse_zone */
	struct str items[RELAY_ZONES_MAX];
	size_t count;
};

struct relay_settings {
	struct url url;	       /* our own base, without a trailing '/' in path */
	struct url gitlab_url; /* as browsers see it, without a trailing '/' in path */
	const char *client_id;
	const char *scope;	      /* the most that a workspace may ask for */
	struct auth_keys master_keys; /* workspace keys derive from each; the first seals */
	struct relay_zones zones;
};

struct relay;

/* settings outlive it. */
struct relay *relay_new(const struct relay_settings *settings, struct err *e) MUST_CHECK;
void relay_free(struct relay *r); /* NULL is fine */

/* Goes on with other master keys, which the caller puts into settings. On failure nothing has
 * changed. */
bool relay_replace_keys(struct relay *r, const struct auth_keys *keys, struct err *e) MUST_CHECK;

enum relay_endpoint {
	RELAY_LANDING,	/* for whoever opens the address by hand */
	RELAY_START,	/* from a sidecar, on the way to GitLab */
	RELAY_CALLBACK, /* from GitLab, on the way to the workspace */
};

/* Fills *v: AUTH_REDIRECT, AUTH_PROBLEM or AUTH_RELAY_PAGE. */
void relay_answer(const struct relay *r, enum relay_endpoint endpoint,
		  const struct auth_facts *facts, struct auth_verdict *v);

/* Takes a zone as somebody would write it: a host name, with a port where workspaces have one. */
bool relay_parse_zone(struct str text, struct arena *a, struct str *zone, struct err *e) MUST_CHECK;

/* Takes a workspace's host as somebody would write it, to the form that its key derives from: lower
 * case, without the default port. Appends to out. */
bool relay_parse_host(struct str text, struct buf *out, struct err *e) MUST_CHECK;

/* Whether the authority, in that form, is exactly one label below a zone. */
bool relay_zones_hold(const struct relay_zones *zones, struct str authority);

/* The key of one workspace, 32 bytes that the caller frees; NULL on failure. */
struct secret *relay_derive_key(const struct secret *master, struct str authority,
				struct err *e) MUST_CHECK;

#endif
