/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the handler of a request by host and exact raw path. Nothing is decoded or normalised, so
 * no other spelling reaches an endpoint (default deny).
 */
#ifndef PROXY_EXCHANGE_ROUTE_H
#define PROXY_EXCHANGE_ROUTE_H

#include "proxy/http/message.h"
#include "proxy/proxy.h"

enum route_kind {
	ROUTE_MISDIRECTED, /* unknown Host: 421 */
	ROUTE_NO_PORT,	   /* the host of a port that is not in PORTS: 421 */
	ROUTE_AUTH,	   /* an endpoint of auth */
	ROUTE_RELAY,	   /* an endpoint of the relay */
	ROUTE_BROKER,	   /* the relay's token broker, for sidecars */
	ROUTE_WORKSPACE,   /* <prefix>/workspace, after authentication */
	ROUTE_SSH,	   /* <prefix>/ssh, after authentication, at the workspace's own host */
	ROUTE_LOG,	   /* <prefix>/workspace/log, after authentication */
	ROUTE_JWKS,	   /* <prefix>/jwks, for everybody, with ASSERTION */
	ROUTE_UNKNOWN,	   /* below our prefix, but no endpoint: 404 */
	ROUTE_UPSTREAM,	   /* to the IDE or a port, after authentication */
};

struct route {
	enum route_kind kind;
	enum auth_endpoint endpoint; /* ROUTE_AUTH */
	enum relay_endpoint relay;   /* ROUTE_RELAY */
	uint16_t port;		     /* of a port's host; 0: the workspace's own host */
};

/* Returns the route of a request. */
struct route route_find(const struct proxy *p, const struct request_head *r);

#endif
