/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of listeners, trusted proxies, the addresses of the upstream and of an sshd, and what
 * browsers are sent.
 */
#include "proxy/settings/check/settings_check.h"

#include "proxy/http/content_coding.h"

void
settings_check_listeners(struct settings_check *c)
{
	struct settings *s = c->s;
	bool has_certificate = s->tls.source == SETTINGS_TLS_SELF ||
			       settings_check_is_given(c, "TLS_CERT_FILE") ||
			       settings_check_is_given(c, "TLS_KEY_FILE");

	if (!has_certificate && address_is_set(&s->https_address)) {
		if (settings_check_is_given(c, "HTTPS_ADDRESS"))
			conf_problem(
				c->problems, VAR("HTTPS_ADDRESS"),
				"needs TLS_CERT_FILE and TLS_KEY_FILE, or TLS=self, and none is "
				"set");
		s->https_address = (struct address){.len = 0};
	}
	if (!address_is_set(&s->https_address) && !address_is_set(&s->http_address) &&
	    !settings_check_is_reported(c, "HTTPS_ADDRESS") &&
	    !settings_check_is_reported(c, "HTTP_ADDRESS") &&
	    !settings_check_is_reported(c, "TLS") &&
	    !settings_check_is_reported(c, "TLS_CERT_FILE") &&
	    !settings_check_is_reported(c, "TLS_KEY_FILE"))
		conf_problem(
			c->problems, VAR("HTTPS_ADDRESS"),
			"no public listener; expected TLS_CERT_FILE and TLS_KEY_FILE, or "
			"TLS=self, for one with TLS, or HTTP_ADDRESS for one behind an ingress");
}

void
settings_check_list_listeners(const struct settings *s,
			      struct settings_listener all[SETTINGS_LISTENERS])
{
	all[0] = (struct settings_listener){"HTTPS_ADDRESS", &s->https_address, 0};
	all[1] = (struct settings_listener){"HTTP_ADDRESS", &s->http_address, 0};
	all[2] = (struct settings_listener){"ADMIN_ADDRESS", &s->admin_address, 0};
	for (size_t i = 0; i < SETTINGS_LISTENERS; i++)
		if (address_is_set(all[i].address))
			all[i].port = address_port(all[i].address);
}

/* Whether both can't be bound: they are equal, or one binds the other's port on all addresses. */
static bool
is_clash(const struct address *a, const struct address *b)
{
	char ip_a[ADDRESS_TEXT_MAX];
	char ip_b[ADDRESS_TEXT_MAX];
	if (!address_is_set(a) || !address_is_set(b) || address_is_unix(a) != address_is_unix(b))
		return false;
	if (address_is_unix(a)) {
		address_format(a, ip_a, sizeof(ip_a));
		address_format(b, ip_b, sizeof(ip_b));
		return strcmp(ip_a, ip_b) == 0;
	}
	if (address_port(a) == 0 || address_port(a) != address_port(b))
		return false;
	address_format_ip(a, ip_a, sizeof(ip_a));
	address_format_ip(b, ip_b, sizeof(ip_b));
	return strcmp(ip_a, ip_b) == 0 || strcmp(ip_a, "::") == 0 || strcmp(ip_b, "::") == 0 ||
	       strcmp(ip_a, "0.0.0.0") == 0 || strcmp(ip_b, "0.0.0.0") == 0;
}

void
settings_check_clashes(struct settings_check *c)
{
	struct settings_listener all[SETTINGS_LISTENERS];
	char variable[64];
	char text[ADDRESS_TEXT_MAX];

	settings_check_list_listeners(c->s, all);
	for (size_t i = 0; i < SETTINGS_LISTENERS; i++) {
		(void)snprintf(variable, sizeof(variable), VAR("%s"), all[i].name);
		address_format(all[i].address, text, sizeof(text));
		for (size_t j = 0; j < i; j++)
			if (is_clash(all[i].address, all[j].address))
				conf_problem(c->problems, variable,
					     "\"%s\" conflicts with " VAR(
						     "%s") "; expected another port",
					     text, all[j].name);
		if (is_clash(all[i].address, &c->s->upstream.addresses[0]))
			conf_problem(c->problems, VAR("UPSTREAM"),
				     "it is the proxy's own %s; expected the address of the IDE",
				     variable);
	}
}

void
settings_check_proxies(struct settings_check *c)
{
	if (c->s->proxy_protocol && c->s->trusted_proxies.count == 0)
		conf_problem(
			c->problems, VAR("PROXY_PROTOCOL"),
			"needs " VAR("TRUSTED_PROXY_IPS") ", which lists the peers whose PROXY "
							  "header is accepted");
}

void
settings_check_upstream(struct settings_check *c)
{
	const struct settings_hosts *hosts = &c->s->upstream_hosts;
	const char *name = c->s->upstream.name;

	if (name == NULL || settings_check_is_reported(c, "UPSTREAM_HOSTS"))
		return;
	for (size_t i = 0; i < hosts->count; i++) {
		if (!str_equal(hosts->names[i], str_from(name)))
			continue;
		if (c->s->auth.ports.count > 0)
			conf_note(c->problems, VAR("PORTS"),
				  "ports are those of this container, not of %s", name);
		return;
	}
	conf_problem(
		c->problems, VAR("UPSTREAM"),
		"\"%s\" is a host name; expected a numeric address, localhost, or a name that " VAR(
			"UPSTREAM_HOSTS") " lists",
		name);
}

/* The sshd at SSH_UPSTREAM must be on loopback, and its host key must be given. */
static void
check_ssh_upstream(struct settings_check *c)
{
	const struct address *a = &c->s->ssh.upstream;
	char text[ADDRESS_TEXT_MAX];
	struct ip ip;

	if (!address_is_set(a))
		return;
	address_format(a, text, sizeof(text));
	if (!address_get_ip(a, &ip) || !ip_is_loopback(&ip) || address_port(a) == 0)
		conf_problem(c->problems, VAR("SSH_UPSTREAM"),
			     "got \"%s\"; expected a loopback address with a port, such as "
			     "127.0.0.1:60022",
			     text);
	else if (!settings_check_is_given(c, "SSH_UPSTREAM_HOST_KEY"))
		conf_problem(c->problems, VAR("SSH_UPSTREAM_HOST_KEY"),
			     "needed together with SSH_UPSTREAM, but not set: the public key that "
			     "users' computers accept");
}

void
settings_check_ssh(struct settings_check *c)
{
	static const char *const names[] = {"SSH_UPSTREAM_HOST_KEY", "SSH_UPSTREAM_USER"};

	if (address_is_set(&c->s->ssh.upstream) && address_is_set(&c->s->ssh.socket))
		conf_problem(c->problems, VAR("SSH_UPSTREAM"),
			     "set together with SSH_SOCKET; expected one of the two");
	check_ssh_upstream(c);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (settings_check_is_given(c, names[i]) &&
		    !settings_check_is_reported(c, names[i]) &&
		    !settings_check_is_given(c, "SSH_UPSTREAM"))
			conf_problem(c->problems, arena_printf(&c->s->arena, VAR("%s"), names[i]),
				     "needs SSH_UPSTREAM, which is not set");
}

/* Notes settings that are valid but probably unintended. */
void
settings_check_responses(struct settings_check *c)
{
	const struct settings *s = c->s;

	if (s->compress && content_coding_types_are_risky(str_from(s->compress_types)))
		conf_note(c->problems, VAR("COMPRESS_TYPES"),
			  "private HTML or JSON is compressed as well, so its length can give away "
			  "secrets in it (BREACH)");
	if (s->http2 && !address_is_set(&s->https_address) && s->trusted_proxies.count == 0)
		conf_note(c->problems, VAR("HTTP2"),
			  "has no effect: without TLS, only peers in " VAR(
				  "TRUSTED_PROXY_IPS") " may use HTTP/2");
}
