/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CORS fields of our own responses. Names of methods and fields are echoed only if they consist of
 * letters, digits, '-' and '_'.
 */
#include "proxy/exchange/response/cors.h"

#include "base/ascii.h"
#include "proxy/exchange/exchange_private.h"

#define NAMES_MAX_BYTES 1024u
#define MAX_AGE_S	"600"

#define NO_ORIGIN    STR("null")
#define ALLOW_ORIGIN STR("Access-Control-Allow-Origin")

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
	       (is_own_origin(x->proxy, *origin) || x->verdict.allows_origin ||
		!str_is_empty(x->page_origin));
}

static bool
has_no_origin(const struct exchange *x)
{
	struct str origin;

	return headers_find(&x->request.headers, HEADER_ORIGIN, &origin) == 1 &&
	       str_equal(origin, NO_ORIGIN);
}

static void
add_origin(struct headers *h, struct str origin, struct str vary)
{
	headers_add_own(h, ALLOW_ORIGIN, origin);
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

/* Sets *value to the field's list of names, empty without the field. False: it occurs twice, is too
 * long, or has other characters. */
static bool
read_names(const struct exchange *x, struct str lower_name, struct str *value)
{
	*value = headers_get(&x->request.headers, lower_name, 0);
	return value->len <= NAMES_MAX_BYTES && ascii_all_alnum_or(*value, STR("-_, ")) &&
	       headers_get(&x->request.headers, lower_name, 1).data == NULL;
}

/* Whether the preflight is for a port: of a page on one of our hosts, or, after the redirects of a
 * hand-over, of a request with "Origin: null" that this port expects. */
static bool
is_for_port(const struct exchange *x, struct str method)
{
	struct auth_facts facts = exchange_facts(x);
	struct str origin;

	return x->route.port != 0 && x->route.kind == ROUTE_UPSTREAM &&
	       (find_origin(x, &origin) || auth_expects_return(x->proxy->auth, &facts, method));
}

/* Whether the preflight is for an endpoint that redirects a request during its hand-over. */
static bool
is_on_the_way(const struct exchange *x)
{
	struct auth_facts facts = exchange_facts(x);
	enum auth_endpoint endpoint =
		x->route.port == 0 ? AUTH_ENDPOINT_PORT : AUTH_ENDPOINT_CALLBACK;

	return x->route.kind == ROUTE_AUTH && x->route.endpoint == endpoint &&
	       auth_is_handover_redirect(x->proxy->auth, &facts);
}

bool
cors_is_preflight(const struct exchange *x)
{
	struct str value;

	return x->proxy->ports != NULL && str_equal(x->request.method, STR("OPTIONS")) &&
	       x->request_ended && read_names(x, STR("access-control-request-headers"), &value) &&
	       read_names(x, STR("access-control-request-method"), &value) && value.len > 0 &&
	       str_find_byte(value, ',') == SIZE_MAX && (is_for_port(x, value) || is_on_the_way(x));
}

void
cors_add_preflight(const struct exchange *x, struct headers *h)
{
	/* "Origin: null" is allowed for one request that was redirected, not for later ones. */
	const char *max_age_s = has_no_origin(x) ? "0" : MAX_AGE_S;
	struct str value;

	if (headers_find(&x->request.headers, HEADER_ORIGIN, &value) == 1)
		add_origin(h, value,
			   STR("Origin, Access-Control-Request-Method, "
			       "Access-Control-Request-Headers"));
	if (read_names(x, STR("access-control-request-method"), &value))
		headers_add_own(h, STR("Access-Control-Allow-Methods"), value);
	if (read_names(x, STR("access-control-request-headers"), &value) && value.len > 0)
		headers_add_own(h, STR("Access-Control-Allow-Headers"), value);
	headers_add_own(h, STR("Access-Control-Max-Age"), str_from(max_age_s));
}

void
cors_find_page(struct exchange *x)
{
	struct auth_facts facts;

	if (x->route.port == 0 || !has_no_origin(x))
		return;
	facts = exchange_facts(x);
	x->page_origin = auth_take_return(x->proxy->auth, &facts, &x->verdict, &x->arena);
}

/* With Vary, the browser's cache does not use the response for a request with another Origin. */
void
cors_pass_response(const struct exchange *x, struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct header *field = &h->items[i];

		if (!str_equal_nocase(field->name, ALLOW_ORIGIN))
			continue;
		if (str_equal(field->value, x->page_origin))
			field->value = NO_ORIGIN;
		else if (str_equal(field->value, NO_ORIGIN))
			field->value = x->page_origin; /* does not match "Origin: null" */
	}
	headers_add_own(h, STR("Vary"), STR("Origin"));
}
