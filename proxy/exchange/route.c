/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of endpoints, and the match of hosts and paths.
 */
#include "proxy/exchange/route.h"

struct endpoint_path {
	struct str path; /* below the prefix */
	struct route route;
};

#define ENDPOINT(text, route_kind, auth_endpoint)                                                  \
	{                                                                                          \
		{text, sizeof(text) - 1},                                                          \
		{                                                                                  \
			.kind = (route_kind), .endpoint = (auth_endpoint)                          \
		}                                                                                  \
	}

static const struct endpoint_path endpoints[] = {
	ENDPOINT("/start", ROUTE_AUTH, AUTH_ENDPOINT_START),
	ENDPOINT("/callback", ROUTE_AUTH, AUTH_ENDPOINT_CALLBACK),
	ENDPOINT("/sign_in", ROUTE_AUTH, AUTH_ENDPOINT_SIGN_IN),
	ENDPOINT("/sign_out", ROUTE_AUTH, AUTH_ENDPOINT_SIGN_OUT),
	ENDPOINT("/auth", ROUTE_AUTH, AUTH_ENDPOINT_AUTH),
	ENDPOINT("/userinfo", ROUTE_AUTH, AUTH_ENDPOINT_USERINFO),
	ENDPOINT("/port", ROUTE_AUTH, AUTH_ENDPOINT_PORT),
	ENDPOINT("/workspace", ROUTE_WORKSPACE, AUTH_ENDPOINT_AUTH),
	ENDPOINT("/workspace/share", ROUTE_AUTH, AUTH_ENDPOINT_SHARE),
	ENDPOINT("/ssh", ROUTE_SSH, AUTH_ENDPOINT_AUTH),
	ENDPOINT("/device", ROUTE_AUTH, AUTH_ENDPOINT_DEVICE),
	ENDPOINT("/device/start", ROUTE_AUTH, AUTH_ENDPOINT_DEVICE_START),
	ENDPOINT("/device/token", ROUTE_AUTH, AUTH_ENDPOINT_DEVICE_TOKEN),
	ENDPOINT("/device/end", ROUTE_AUTH, AUTH_ENDPOINT_DEVICE_END),
	ENDPOINT("/jwks", ROUTE_JWKS, AUTH_ENDPOINT_AUTH),
	ENDPOINT("/workspace/log", ROUTE_LOG, AUTH_ENDPOINT_AUTH),
};

static bool
is_our_host(const struct proxy *p, struct str authority)
{
	for (size_t i = 0; i < PROXY_HOSTS; i++)
		if (p->hosts[i].len > 0 && str_equal_nocase(p->hosts[i], authority))
			return true;
	return false;
}

/* Returns the port of the host of a port; 0 for other hosts. */
static uint16_t
find_port(const struct proxy *p, struct str authority)
{
	struct str rest;
	uint16_t port;

	if (p->relay != NULL || !ports_split_host(authority, &port, &rest))
		return 0;
	for (size_t i = 0; i < PROXY_HOSTS; i++)
		if (str_equal_nocase(p->port_hosts[i], rest))
			return port;
	return 0;
}

static bool
has_port(const struct proxy *p, uint16_t port)
{
	return p->ports != NULL && ports_contain(p->ports, port);
}

static bool
is_for_ssh(const struct route *route)
{
	return route->kind == ROUTE_SSH ||
	       (route->kind == ROUTE_AUTH && (route->endpoint == AUTH_ENDPOINT_DEVICE ||
					      route->endpoint == AUTH_ENDPOINT_DEVICE_START ||
					      route->endpoint == AUTH_ENDPOINT_DEVICE_TOKEN ||
					      route->endpoint == AUTH_ENDPOINT_DEVICE_END));
}

/* Whether the endpoint does not exist at this host. Endpoints for ports and for SSH exist only at
 * the workspace's own host, and only with PORTS or SSH; the keys of assertions only with ASSERTION.
 */
static bool
is_missing(const struct proxy *p, const struct route *route, uint16_t port)
{
	bool is_of_ports = route->kind == ROUTE_AUTH && (route->endpoint == AUTH_ENDPOINT_PORT ||
							 route->endpoint == AUTH_ENDPOINT_SHARE);

	if (route->kind == ROUTE_JWKS)
		return !p->settings->auth.assertion;
	if (is_for_ssh(route))
		return port != 0 || p->ssh_probe == NULL;
	return is_of_ports && (port != 0 || p->ports == NULL);
}

static struct route
route_endpoint(const struct proxy *p, struct str path, uint16_t port)
{
	struct route route = {.kind = ROUTE_UNKNOWN};

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (str_equal(endpoints[i].path, path))
			route = endpoints[i].route;
	if (is_missing(p, &route, port))
		route.kind = ROUTE_UNKNOWN;
	route.port = port;
	return route;
}

static struct route
route_relay(const struct proxy *p, struct str path)
{
	struct str rest = str_skip(path, p->prefix.len);

	if (!str_starts_with(path, p->prefix))
		return (struct route){.kind = ROUTE_UNKNOWN};
	if (str_equal(rest, STR("/start")))
		return (struct route){.kind = ROUTE_RELAY, .relay = RELAY_START};
	if (str_equal(rest, STR("/callback")))
		return (struct route){.kind = ROUTE_RELAY, .relay = RELAY_CALLBACK};
	if (str_equal(rest, STR("/token")) && p->broker != NULL)
		return (struct route){.kind = ROUTE_BROKER};
	if (str_is_empty(rest) || str_equal(rest, STR("/")))
		return (struct route){.kind = ROUTE_RELAY, .relay = RELAY_LANDING};
	return (struct route){.kind = ROUTE_UNKNOWN};
}

struct route
route_find(const struct proxy *p, const struct request_head *r)
{
	struct route route = {.kind = ROUTE_UPSTREAM};

	if (!is_our_host(p, r->authority)) {
		route.port = find_port(p, r->authority);
		if (route.port == 0)
			return (struct route){.kind = ROUTE_MISDIRECTED};
		if (!has_port(p, route.port))
			return (struct route){.kind = ROUTE_NO_PORT};
	}
	if (p->relay != NULL)
		return route_relay(p, r->path);
	if (str_starts_with(r->path, p->prefix)) {
		struct str rest = str_skip(r->path, p->prefix.len);
		if (rest.len == 0 || rest.data[0] == '/')
			route = route_endpoint(p, rest, route.port);
	}
	return route;
}
