/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the request of an exchange is: the facts that auth decides by, and the form of response that
 * the client expects.
 */
#include "proxy/exchange/exchange_private.h"

static struct str
get_header(const void *arg, struct str lower_name, size_t index)
{
	const struct exchange *x = arg;

	return headers_get(&x->request.headers, lower_name, index);
}

struct auth_facts
exchange_facts(const struct exchange *x)
{
	return (struct auth_facts){
		.method = x->request.method,
		.host = x->request.authority,
		.port = x->route.port,
		.origin = x->origin,
		.target = x->request.target,
		.header = get_header,
		.header_arg = x,
		.client = x->client,
		.body = buf_view(&x->form),
		.log = &x->log,
	};
}

bool
exchange_is_for_person(const struct exchange *x)
{
	struct auth_facts facts = exchange_facts(x);

	return auth_is_navigation(&facts);
}

bool
exchange_accepts_events(const struct exchange *x)
{
	const struct headers *h = &x->request.headers;

	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].id == HEADER_ACCEPT &&
		    str_find(h->items[i].value, STR("text/event-stream")) != SIZE_MAX)
			return true;
	return false;
}
