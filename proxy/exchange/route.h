/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request goes, by host and exact raw path: nothing is decoded or normalised, so that no
 * spelling reaches a handler that was not meant (default deny).
 */
#ifndef PROXY_EXCHANGE_ROUTE_H
#define PROXY_EXCHANGE_ROUTE_H

#include "proxy/http/message.h"
#include "proxy/proxy.h"

enum route_kind {
	ROUTE_MISDIRECTED, /* the Host is not ours: 421 */
	ROUTE_AUTH,	   /* an endpoint of auth */
	ROUTE_RELAY,	   /* an endpoint of the relay, which has no others */
	ROUTE_WORKSPACE,   /* <prefix>/workspace: state of clone and IDE, for the signed-in user */
	ROUTE_UNKNOWN,	   /* below our prefix, and no endpoint: 404 */
	ROUTE_UPSTREAM,	   /* the IDE's or the port's, for the signed-in user */
};

struct route {
	enum route_kind kind;
	enum auth_endpoint endpoint; /* ROUTE_AUTH */
	enum relay_endpoint relay;   /* ROUTE_RELAY */
	uint16_t port;		     /* whose host was asked for; 0: the workspace's own */
};

struct route route_find(const struct proxy *p, const struct request_head *r);

#endif
