/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct auth and its pending calls, shared by the modules behind auth.h, and their common limits.
 */
#ifndef AUTH_AUTH_PRIVATE_H
#define AUTH_AUTH_PRIVATE_H

#include "auth/auth.h"
#include "auth/cookie/cookie.h"
#include "auth/gitlab/gitlab.h"
#include "auth/limits/client_quota.h"
#include "auth/login/cors_redirects.h"
#include "auth/login/flow.h"
#include "auth/login/return_target.h"
#include "auth/session/session_store.h"

#define AUTH_LOGINS_MAX		   64u /* between callback and session, of all clients */
#define AUTH_LOGINS_RESERVED	   16u /* of these, for clients that have signed in before */
#define AUTH_LOGINS_PER_CLIENT_MAX 16u
#define AUTH_LOGIN_TIMEOUT_MS	   10000u /* from the callback to the session */
#define AUTH_CALLS_MAX		   4096u  /* requests of one page may wait for the same answer */

struct assertion_keys;
struct bearer_cache;
struct device_grants;
struct port_shares;
LIST_HEAD(auth_credential_list, auth_credential_call);

struct auth {
	const struct auth_settings *settings;
	struct loop *loop;
	struct arena arena;
	struct str origin;	   /* the workspace's: "https://name.zone" */
	struct str port_hosts;	   /* what follows "<port>-" in the host and port of a port's URL */
	const char *redirect_uri;  /* as registered with GitLab */
	const char *authorize_url; /* as browsers see it, without a query */
	const char *gitlab_url;	   /* as browsers see it */
	const char *start_url;
	const char *sign_in_url;
	const char *target_lost_url;   /* tells the user that the requested page is unknown */
	struct str flow_cookie_prefix; /* "<cookie name>-flow-" */
	const char *relay_start_url;   /* logins start here instead of at authorize_url; or NULL */
	struct cookie_box cookies;
	struct gitlab *gitlab;
	struct session_store *store;
	struct return_targets targets;
	struct flow_ring used_flows;
	struct flow_ring used_tickets;
	struct cors_redirects cors_redirects;
	struct bearer_cache *bearers;	       /* NULL: API tokens are not accepted */
	struct assertion_keys *assertion_keys; /* NULL: no assertions */
	struct device_grants *grants;	       /* NULL: no device was authorized yet */
	struct port_shares *shares;	       /* NULL: PORTS is not set */
	uint64_t login_timeout_ms;
	uint64_t last_flow_id;
	LIST_HEAD(, auth_call) calls; /* pending */
	size_t calls_count;
	struct auth_credential_list credentials; /* requests of git for a token that wait */
	struct client_quota logins;
};

/* A pending verdict: the first member of every structure that cancel frees. */
struct auth_call {
	struct auth *auth;
	LIST_ENTRY(auth_call) entry;
	struct auth_verdict *verdict;
	auth_done_fn *done;
	void *arg;
	void (*cancel)(struct auth_call *call); /* unlinks and frees; done does not run */
};

/* Whether there is room for another pending call. */
static inline bool
auth_may_start_call(const struct auth *a)
{
	return a->calls_count < AUTH_CALLS_MAX;
}

static inline void
auth_link_call(struct auth_call *c, struct auth *a)
{
	c->auth = a;
	LIST_INSERT_HEAD(&a->calls, c, entry);
	a->calls_count++;
}

static inline void
auth_unlink_call(struct auth_call *c)
{
	LIST_REMOVE(c, entry);
	c->auth->calls_count--;
}

/* Returns the page of this workspace that sends a CORS request to the host of a port (see
 * auth/login/cors_redirects.h); CORS_PAGE_NONE: another kind of request, such as a preflight. */
uint32_t auth_find_cors_page(const struct auth *a, const struct auth_facts *facts);

#endif
