/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target of the form "<prefix>/port?port=3000&state=…" is a guest's if that port is shared,
 * unless it has "guest=0" as well: the user who shared the port is not a guest there.
 */
#include "auth/login/port_guest.h"

#include "auth/share/port_shares.h"

static const char no_guest[] = "&guest=0";

struct port_share *
port_guest_find(const struct auth *a, uint16_t port)
{
	struct port_share *p = port_shares_find(a->shares, port);

	return p != NULL && auth_audience_mode(p->terms.audience) != 0 ? p : NULL;
}

struct port_share *
port_guest_share(const struct auth *a, struct str target)
{
	struct str prefix = str_from(a->settings->prefix);
	struct str rest = str_skip(target, prefix.len);
	struct str value;
	uint16_t port;

	if (!str_starts_with(target, prefix) || !str_starts_with(rest, STR("/port?")))
		return NULL;
	rest = str_skip(rest, strlen("/port?"));
	if (url_query_find(rest, STR("guest"), &value) > 0 ||
	    url_query_find(rest, STR("port"), &value) != 1 || !ports_parse_one(value, &port))
		return NULL;
	return port_guest_find(a, port);
}

const char *
port_guest_skip(struct str target, struct arena *arena)
{
	return arena_printf(arena, "%.*s%s", STR_FMT(target), no_guest);
}
