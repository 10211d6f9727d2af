/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface of the relay: the one redirect URI that is registered with GitLab for all
 * workspaces.
 *
 * A workspace's sidecar redirects the browser here with a request signed by its own key; the relay
 * redirects to GitLab, and passes GitLab's response on to that workspace, in the same browser
 * only. It has no state between requests, sees neither tokens nor verifiers, and uses no sockets:
 * facts in, a verdict out, synchronously.
 */
#ifndef AUTH_RELAY_RELAY_H
#define AUTH_RELAY_RELAY_H

#include "auth/auth.h"
#include "auth/relay/relay_zone.h"

struct relay_settings {
	struct url url;	       /* the relay's base URL, without a trailing '/' in path */
	struct url gitlab_url; /* as browsers see it, without a trailing '/' in path */
	const char *client_id;
	const char *scope; /* the scopes that workspaces may request */
	/* Workspace keys derive from each of them; the first one seals. */
	struct auth_keys master_keys;
	struct relay_zones zones;

	/* Settings of the token broker: see auth/broker/broker.h. */
	const char *deny_file; /* NULL: no deny list */
	uint64_t renew_max_ms; /* how long after a login its tokens may be refreshed */
	uint64_t requests_max; /* of one workspace per minute */
};

struct relay;

/* settings must outlive it. */
struct relay *relay_new(const struct relay_settings *settings, struct err *e) MUST_CHECK;
void relay_free(struct relay *r); /* does nothing for NULL */

/* Returns the URL that is registered with GitLab; valid as long as r. */
const char *relay_redirect_uri(const struct relay *r);

/* Replaces the master keys; the caller puts them into settings. On failure nothing has changed. */
bool relay_replace_keys(struct relay *r, const struct auth_keys *keys, struct err *e) MUST_CHECK;

enum relay_endpoint {
	RELAY_LANDING,	/* a page for people who open the URL */
	RELAY_START,	/* redirects from a sidecar to GitLab */
	RELAY_CALLBACK, /* redirects from GitLab to the workspace */
};

/* Fills *v: AUTH_REDIRECT, AUTH_PROBLEM or AUTH_RELAY_PAGE. */
void relay_answer(const struct relay *r, enum relay_endpoint endpoint,
		  const struct auth_facts *facts, struct auth_verdict *v);

#endif
