/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routes of base/http/service: which handler answers a method and an exact path.
 */
#ifndef BASE_HTTP_SERVICE_ROUTES_H
#define BASE_HTTP_SERVICE_ROUTES_H

#include "base/http/service.h"

#define SERVICE_ROUTES_MAX 16

struct service_route {
	const char *method;
	const char *path;
	service_handler_fn *handler; /* NULL: answered later */
	void *arg;
	bool has_source; /* its replies may have one */
	service_start_fn *start;
	service_cancel_fn *cancel;
};

struct service_routes {
	struct service_route items[SERVICE_ROUTES_MAX];
	size_t count;
};

bool service_routes_add(struct service_routes *r, const struct service_route *route, struct err *e);

/* The route, or NULL; allowed, if any, collects the methods of the path. */
const struct service_route *service_routes_find(const struct service_routes *r,
						const struct service_request *request,
						struct buf *allowed);

#endif
