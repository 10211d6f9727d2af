/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS fields of our own responses. Names of methods and fields are echoed only if they consist of
 * letters, digits, '-' and '_'.
 */
#include "proxy/exchange/response/cors.h"

#include "base/ascii.h"

#define NAMES_MAX_BYTES 1024u
#define MAX_AGE_S	"600"

/* Whether it is the serialized origin of one of our hosts. */
static bool
is_own_origin(const struct proxy *p, struct str origin)
{
	return p->ports != NULL && auth_is_own_origin(p->auth, origin);
}

static bool
find_origin(const struct exchange *x, struct str *origin)
{
	return headers_find(&x->request.headers, HEADER_ORIGIN, origin) == 1 &&
	       is_own_origin(x->proxy, *origin);
}

static void
add_origin(struct headers *h, struct str origin, struct str vary)
{
	headers_add_own(h, STR("Access-Control-Allow-Origin"), origin);
	headers_add_own(h, STR("Access-Control-Allow-Credentials"), STR("true"));
	headers_add_own(h, STR("Vary"), vary);
}

void
cors_add(const struct exchange *x, struct headers *h)
{
	struct str origin;

	if (find_origin(x, &origin))
		add_origin(h, origin, STR("Origin"));
}

/* Reads at most one field of this name with a list of simple names. */
static bool
read_names(const struct exchange *x, struct str lower_name, struct str *value)
{
	*value = headers_get(&x->request.headers, lower_name, 0);
	return value->len <= NAMES_MAX_BYTES && ascii_all_alnum_or(*value, STR("-_, ")) &&
	       headers_get(&x->request.headers, lower_name, 1).data == NULL;
}

bool
cors_is_preflight(const struct exchange *x)
{
	struct str value;

	return x->route.port != 0 && x->route.kind == ROUTE_UPSTREAM &&
	       str_equal(x->request.method, STR("OPTIONS")) && x->request_ended &&
	       find_origin(x, &value) &&
	       read_names(x, STR("access-control-request-headers"), &value) &&
	       read_names(x, STR("access-control-request-method"), &value) && value.len > 0 &&
	       str_find_byte(value, ',') == SIZE_MAX;
}

void
cors_add_preflight(const struct exchange *x, struct headers *h)
{
	struct str value;

	if (find_origin(x, &value))
		add_origin(h, value,
			   STR("Origin, Access-Control-Request-Method, "
			       "Access-Control-Request-Headers"));
	if (read_names(x, STR("access-control-request-method"), &value))
		headers_add_own(h, STR("Access-Control-Allow-Methods"), value);
	if (read_names(x, STR("access-control-request-headers"), &value) && value.len > 0)
		headers_add_own(h, STR("Access-Control-Allow-Headers"), value);
	headers_add_own(h, STR("Access-Control-Max-Age"), STR(MAX_AGE_S));
}
