/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests must name a host in its canonical form: labels of lower-case letters, digits and
 * hyphens, and a port only where its zone has that port. Settings are converted to it.
 */
#include "auth/relay/relay_zone.h"

#include "base/ascii.h"
#include "base/crypto/crypto.h"
#include "base/dns_name.h"
#include "base/net/ports.h"

#define KEY_LABEL "workspace-proxy relay workspace 1\n"

/* Requires a letter at the start of the last label: with a digit it could be an address. */
static bool
is_host(struct str s)
{
	return dns_is_name(s, DNS_CANONICAL) && !ascii_is_digit(dns_last_label(s).data[0]);
}

/* Whether s is empty, or ":8443": a port in canonical decimal that is not the default. */
static bool
is_port_suffix(struct str s)
{
	uint16_t port;

	return str_is_empty(s) || (ports_parse_one(str_skip(s, 1), &port) && port != 443);
}

static bool
is_canonical(struct str authority)
{
	size_t colon = str_find_byte(authority, ':');

	return is_host(str_take(authority, colon)) && is_port_suffix(str_skip(authority, colon));
}

/* Appends the canonical form: lower case, without the default port. */
static bool
canonicalize(struct str text, struct buf *out, struct err *e)
{
	size_t before = out->len;

	if (str_ends_with(text, STR(":443")))
		text.len -= 4;
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(out, ascii_to_lower(text.data[i]));
	if (text.len > RELAY_AUTHORITY_MAX || !buf_is_ok(out))
		return err_set(e, ERR_INPUT, "it is too long");
	if (!is_canonical(str_skip(buf_view(out), before)))
		return err_set(e, ERR_INPUT, "it is not a host name with an optional port");
	return true;
}

bool
relay_parse_host(struct str text, struct buf *out, struct err *e)
{
	size_t before = out->len;

	if (!canonicalize(text, out, e))
		return false;
	if (str_find_byte(str_skip(buf_view(out), before), '.') == SIZE_MAX)
		return err_set(e, ERR_INPUT, "it is in no zone");
	return true;
}

/* A zone of one label would be a top-level domain, except localhost (RFC 6761 section 6.3). */
bool
relay_parse_zone(struct str text, struct arena *a, struct str *zone, struct err *e)
{
	struct buf folded;
	struct str host;
	bool ok;

	buf_init(&folded, RELAY_AUTHORITY_MAX);
	ok = canonicalize(text, &folded, e);
	host = str_take(buf_view(&folded), str_find_byte(buf_view(&folded), ':'));
	if (ok && str_find_byte(host, '.') == SIZE_MAX && !str_equal(host, STR("localhost")))
		ok = err_set(e, ERR_INPUT, "it is a whole top-level domain");
	if (ok) {
		*zone = str_from(arena_dup(a, buf_view(&folded)));
		ok = zone->data != NULL || err_set(e, ERR_MEMORY, "out of memory");
	}
	buf_fini(&folded);
	return ok;
}

bool
relay_zones_contain(const struct relay_zones *zones, struct str authority)
{
	size_t dot = str_find_byte(authority, '.');
	struct str label = str_take(authority, dot);
	struct str rest = dot == SIZE_MAX ? STR_NONE : str_skip(authority, dot + 1);

	/* Refuse internationalized names, which workspaces never have and which can look like
	 * others. */
	if (!dns_is_label(label, DNS_CANONICAL) || str_starts_with(label, STR("xn--")) ||
	    authority.len > RELAY_AUTHORITY_MAX)
		return false;
	for (size_t i = 0; i < zones->count; i++) {
		if (str_equal(zones->items[i], rest))
			return true;
	}
	return false;
}

struct secret *
relay_derive_key(const struct secret *master, struct str authority, struct err *e)
{
	struct secret *key = NULL;
	struct buf info;

	buf_init(&info, sizeof(KEY_LABEL) + RELAY_AUTHORITY_MAX);
	buf_add_str(&info, STR(KEY_LABEL));
	if (buf_add_str(&info, authority))
		key = crypto_derive_key(master, STR_NONE, buf_view(&info), e);
	else
		err_set(e, ERR_LIMIT, "the host is too long");
	buf_fini(&info);
	if (key == NULL)
		err_wrap(e, "relay key");
	return key;
}
