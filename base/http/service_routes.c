/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks up routes. A route for GET also accepts HEAD.
 */
#include "base/http/service_routes.h"

bool
service_routes_add(struct service_routes *r, const struct service_route *route, struct err *e)
{
	if (r->count == SERVICE_ROUTES_MAX)
		return err_set(e, ERR_MEMORY, "%s: too many routes", route->path);
	r->items[r->count++] = *route;
	return true;
}

static bool
takes(const struct service_route *r, struct str method)
{
	return str_equal(method, str_from(r->method)) ||
	       (str_equal(method, STR("HEAD")) && strcmp(r->method, "GET") == 0);
}

const struct service_route *
service_routes_find(const struct service_routes *r, const struct service_request *request,
		    struct buf *allowed)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct service_route *route = &r->items[i];

		if (!str_equal(request->path, str_from(route->path)))
			continue;
		if (takes(route, request->method))
			return route;
		if (allowed != NULL)
			buf_addf(allowed, "%s%s%s", allowed->len > 0 ? ", " : "", route->method,
				 strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
	}
	return NULL;
}
