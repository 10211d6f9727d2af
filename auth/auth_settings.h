/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of authentication, fixed at start. Part of the public interface: include
 * auth/auth.h.
 */
#ifndef AUTH_AUTH_SETTINGS_H
#define AUTH_AUTH_SETTINGS_H

#include "base/net/ports.h"
#include "base/secret.h"
#include "base/url.h"

#define AUTH_KEYS_MAX 2
struct auth_keys { /* the first seals, all open */
	struct secret *keys[AUTH_KEYS_MAX];
	size_t count;
};

static inline void
auth_keys_fini(struct auth_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		secret_free(keys->keys[i]);
	keys->count = 0;
}

/* Bits; all modes that are set must allow the user. */
enum auth_mode {
	AUTH_MODE_WORKSPACE = 1,
	AUTH_MODE_PROJECT = 2,
	AUTH_MODE_OWNER = 4,
	AUTH_MODE_GROUP = 8,
	AUTH_MODE_USERS = 16,
	AUTH_MODE_ANYBODY = 32, /* with an active account; for guests of ports only */
};

/* Who may open a port, in ascending order. */
enum auth_audience {
	AUTH_AUDIENCE_OWNER, /* who may open the workspace */
	AUTH_AUDIENCE_PROJECT,
	AUTH_AUDIENCE_GROUP,
	AUTH_AUDIENCE_USERS,
	AUTH_AUDIENCE_GITLAB, /* everybody with an account there */
	AUTH_AUDIENCE_PUBLIC, /* everybody, without a login */
};
#define AUTH_AUDIENCES 6
#define AUTH_IDE_PORTS 2

struct auth_settings {
	struct url external_url;   /* the workspace's public origin */
	struct ports ports;	   /* ports that have their own hosts: see auth_port_origin */
	struct url gitlab_url;	   /* as browsers see it, without a trailing '/' in path */
	struct url gitlab_api_url; /* as the pod reaches it; host is empty when it is the same */
	const char *client_id;
	struct secret *client_secret; /* NULL: public client */
	struct url redirect_url;      /* host is empty: the relay's callback, or our own */
	struct url relay_url;	  /* its base, without a trailing '/' in path; host empty: none */
	struct secret *relay_key; /* this workspace's; with relay_url */
	bool broker;		  /* the relay redeems codes and refreshes tokens for us */
	const char *scope;
	const char *prefix; /* of our endpoints: "/oauth2" */
	struct auth_keys cookie_keys;
	const char *cookie_name;
	uint64_t cookie_expire_ms; /* absolute lifetime of a session */
	uint64_t session_idle_ms;
	bool api_tokens;       /* programs may send a GitLab token instead of a session cookie */
	bool assertion;	       /* forwarded requests carry a signed assertion of who sent them */
	const char *state_dir; /* where sessions are stored across restarts; NULL: nowhere */
	unsigned modes;	       /* enum auth_mode bits */
	uint64_t workspace_id;
	const char *project; /* id or full path */
	uint64_t project_access_level;
	const char *group; /* id or full path */
	uint64_t group_access_level;
	const char *users; /* ids and usernames, with a comma between two */
	enum auth_audience port_sharing_max;
	/* Ports of the IDE, which are never shared; 0: none. */
	uint16_t ide_ports[AUTH_IDE_PORTS];
	uint64_t owner_id;
	/* Failed logins and API tokens per minute: see auth/limits/client_rate.h. */
	uint64_t sign_in_failures_per_address_max;
	uint64_t sign_in_failures_max;
	uint64_t authorization_interval_ms;
	uint64_t authorization_grace_ms;
};

#endif
