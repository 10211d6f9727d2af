/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timeouts for GitLab are short, because users wait for the pages.
 */
#include "proxy/gitlab_clients.h"

/* With these a page can report within ten seconds that GitLab does not respond. */
#define GITLAB_CONNECT_TIMEOUT_MS   3000u
#define GITLAB_STALL_TIMEOUT_MS	    5000u
#define GITLAB_TOTAL_TIMEOUT_MS	    8000u
#define GITLAB_CONNECTIONS_MAX	    12u
#define GITLAB_CONNECTIONS_RESERVED 6u /* for requests about sessions */

static struct fetch_options
fetch_options(const struct proxy *p)
{
	return (struct fetch_options){
		.ca_file = p->settings->gitlab_ca_file,
		.user_agent = "workspace-proxy/" VERSION,
		.connect_timeout_ms = GITLAB_CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = GITLAB_STALL_TIMEOUT_MS,
		.total_timeout_ms = GITLAB_TOTAL_TIMEOUT_MS,
		.body_max_bytes = 256u * 1024,
		.connections_max = GITLAB_CONNECTIONS_MAX,
		.connections_reserved = GITLAB_CONNECTIONS_RESERVED,
	};
}

/* A client has one set of authorities, which takes memory: only a different CA file needs another
 * client. */
static bool
has_other_authorities(const struct settings *settings)
{
	const char *gitlab = settings->gitlab_ca_file;
	const char *relay = settings->relay_ca_file;

	return relay != NULL && (gitlab == NULL || strcmp(gitlab, relay) != 0);
}

static bool
reach_relay(struct gitlab_clients *c, struct proxy *p, struct err *e)
{
	struct fetch_options options = fetch_options(p);

	options.ca_file = p->settings->relay_ca_file;
	c->relay = fetch_new(p->loop, &options, e);
	if (c->relay != NULL)
		auth_set_relay_client(p->auth, c->relay);
	return c->relay != NULL;
}

bool
gitlab_clients_start_auth(struct gitlab_clients *c, struct proxy *p, struct err *e)
{
	const struct fetch_options options = fetch_options(p);

	c->gitlab = fetch_new(p->loop, &options, e);
	if (c->gitlab == NULL)
		return false;
	p->auth = auth_new(&p->settings->auth, p->loop, c->gitlab, e);
	if (p->auth == NULL)
		return false;
	return !p->settings->auth.broker || !has_other_authorities(p->settings) ||
	       reach_relay(c, p, e);
}

static bool
make_broker(struct gitlab_clients *c, struct proxy *p, struct err *e)
{
	struct fetch_options options = fetch_options(p);

	options.connections_max = BROKER_CALLS_MAX;
	options.connections_reserved = BROKER_CALLS_MAX / 2;
	c->gitlab = fetch_new(p->loop, &options, e);
	if (c->gitlab == NULL)
		return false;
	const struct broker_options broker = {
		.relay = &p->settings->relay,
		.gitlab = &p->settings->auth,
		.redirect_uri = relay_redirect_uri(p->relay),
		.fetch = c->gitlab,
	};
	p->broker = broker_new(&broker, e);
	return p->broker != NULL;
}

bool
gitlab_clients_start_relay(struct gitlab_clients *c, struct proxy *p, struct err *e)
{
	p->relay = relay_new(&p->settings->relay, e);
	return p->relay != NULL &&
	       (p->settings->auth.client_secret == NULL || make_broker(c, p, e));
}

void
gitlab_clients_fini(struct gitlab_clients *c)
{
	fetch_free(c->relay);
	fetch_free(c->gitlab);
}
