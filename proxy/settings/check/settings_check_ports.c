/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of PORTS and IDE_PROBES: valid host names, no ports of our own listeners, and a
 * certificate that covers the names.
 */
#include <inttypes.h>

#include "base/dns_name.h"
#include "base/net/tls/tls.h"
#include "proxy/settings/check/settings_check.h"

/* Returns what follows "<port>-" in hosts of ports: the workspace's host without a leading port. */
static struct str
name_of(const struct settings *s)
{
	struct str host = s->auth.external_url.host;
	struct str rest;
	uint16_t port;

	return ports_split_host(host, &port, &rest) ? rest : host;
}

static void
check_name(const struct settings *s, struct conf_problems *problems)
{
	const struct ports *ports = &s->auth.ports;
	struct str name = name_of(s);
	size_t longest = 0;
	struct address address;
	struct err e = ERR_INIT;

	if (s->auth.external_url.host_is_ipv6 || str_find_byte(name, '.') == SIZE_MAX ||
	    address_from_host(&address, name, 1, &e)) {
		conf_problem(problems, VAR("PORTS"),
			     "needs an EXTERNAL_URL of the form https://name.zone, got the host "
			     "\"%.*s\"",
			     STR_FMT(s->auth.external_url.host));
		return;
	}
	for (size_t i = 0; i < ports->count; i++) {
		size_t digits = (size_t)snprintf(NULL, 0, "%u", ports->ranges[i].last);
		longest = digits > longest ? digits : longest;
	}
	if (longest + 1 + str_find_byte(name, '.') > DNS_LABEL_MAX)
		conf_problem(problems, VAR("PORTS"),
			     "\"<port>-%.*s\" would be longer than the %u bytes that DNS allows",
			     STR_FMT(str_take(name, str_find_byte(name, '.'))), DNS_LABEL_MAX);
}

/* Keeps the sidecar's own listeners from being published: excludes them from ranges, and reports
 * them as a problem where they are listed as single ports. */
static void
exclude_own_ports(struct settings *s, struct conf_problems *problems)
{
	struct settings_listener own[SETTINGS_LISTENERS];

	settings_check_list_listeners(s, own);
	for (size_t i = 0; i < SETTINGS_LISTENERS; i++) {
		uint16_t port = own[i].port;

		if (port != 0 && !ports_exclude(&s->auth.ports, port))
			conf_problem(problems, VAR("PORTS"),
				     "%u is the proxy's own " SETTINGS_PREFIX
				     "%s; expected ports and ranges without it",
				     port, own[i].name);
	}
}

static void
check_certificate(const struct settings *s, struct conf_problems *problems)
{
	char name[256];

	if (!address_is_set(&s->https_address) || s->tls.loaded == NULL)
		return;
	(void)snprintf(name, sizeof(name), "%u-%.*s", s->auth.ports.ranges[0].first,
		       STR_FMT(name_of(s)));
	if (!tls_context_names(s->tls.loaded, name))
		conf_note(
			problems, VAR("PORTS"),
			"the certificate in TLS_CERT_FILE is not for \"%s\": browsers will refuse "
			"it, unless a proxy in front has a wildcard for the zone",
			name);
}

/* Sets the ports of the IDE, which are never published as ports: see auth_settings. Includes the
 * port of an address other than loopback, which may be an address of the pod. */
static void
find_ide_ports(struct settings *s)
{
	const struct settings_upstream *ide = &s->upstream;
	struct str rest;
	struct ip ip;

	if (ide->name == NULL && address_get_ip(&ide->addresses[0], &ip))
		s->auth.ide_ports[0] = address_port(&ide->addresses[0]);
	(void)!ports_split_host(s->auth.external_url.host, &s->auth.ide_ports[1], &rest);
}

static void
check_sharing(struct settings_check *c)
{
	if (c->s->auth.port_sharing_max != AUTH_AUDIENCE_OWNER && c->s->auth.ports.count == 0)
		conf_note(c->problems, VAR("PORT_SHARING_MAX"),
			  "without PORTS there is nothing to share");
}

void
settings_check_ports(struct settings_check *c)
{
	struct settings *s = c->s;

	find_ide_ports(s);
	check_sharing(c);
	if (s->auth.ports.count == 0 || str_is_empty(s->auth.external_url.host))
		return;
	check_name(s, c->problems);
	exclude_own_ports(s, c->problems);
	check_certificate(s, c->problems);
}

void
settings_check_env(struct settings_check *c)
{
	settings_check_external_url(c);
	settings_check_ports(c);
	if (!settings_check_is_given(c, "PORTS"))
		conf_problem(c->problems, VAR("PORTS"),
			     "without it ports have no addresses; expected ports and ranges such "
			     "as 3000,8000-8999");
}

/* Reports probes of our own listeners, which would not probe the IDE. */
void
settings_check_ide_probes(struct settings_check *c)
{
	struct settings_listener own[SETTINGS_LISTENERS];

	settings_check_list_listeners(c->s, own);
	for (size_t i = 0; i < SETTINGS_LISTENERS; i++)
		for (size_t j = 0; j < HEALTH_CHECK_KINDS; j++)
			if (own[i].port != 0 && c->s->ide_probes.items[j].port == own[i].port)
				conf_problem(c->problems, VAR("IDE_PROBES"),
					     "%s: %u is the proxy's own " SETTINGS_PREFIX
					     "%s; expected a port of the IDE",
					     health_check_names[j], own[i].port, own[i].name);
}
