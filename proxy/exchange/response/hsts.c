/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides whether Strict-Transport-Security applies to a response, and sets it.
 */
#include "proxy/exchange/response/hsts.h"

static bool
is_secure(const struct exchange *x)
{
	const struct cidr_set *trusted = &x->proxy->settings->trusted_proxies;
	struct str lower_name = STR("x-forwarded-proto");
	const struct headers *h = &x->request.headers;

	if (x->stream->is_tls)
		return true;
	return trusted->count > 0 && headers_get(h, lower_name, 1).data == NULL &&
	       str_equal_nocase(headers_get(h, lower_name, 0), STR("https")) &&
	       cidr_contains_text(trusted, x->stream->peer_ip);
}

void
hsts_set(const struct exchange *x, struct headers *h)
{
	const char *value = x->proxy->settings->strict_transport_security;

	if (value[0] == '\0' || x->route.kind == ROUTE_MISDIRECTED ||
	    x->route.kind == ROUTE_NO_PORT || !is_secure(x))
		return;
	if (headers_has(h, HEADER_STRICT_TRANSPORT_SECURITY))
		headers_remove(h, HEADER_STRICT_TRANSPORT_SECURITY);
	headers_add_own(h, STR("Strict-Transport-Security"), str_from(value));
}
