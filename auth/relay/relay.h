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
#include "auth/relay/relay_zone.h"

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

#endif
