/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the certificate: files that belong together, or the names of a self-made certificate.
 */
#include "proxy/settings/check/settings_check.h"

static void
check_files(struct settings_check *c)
{
	struct settings *s = c->s;
	struct err e = ERR_INIT;
	bool cert = settings_check_is_given(c, "TLS_CERT_FILE");
	bool key = settings_check_is_given(c, "TLS_KEY_FILE");

	if (cert && !key)
		conf_problem(c->problems, VAR("TLS_KEY_FILE"),
			     "needed together with TLS_CERT_FILE, but not set");
	if (key && !cert)
		conf_problem(c->problems, VAR("TLS_CERT_FILE"),
			     "needed together with TLS_KEY_FILE, but not set");
	bool readable = settings_check_file(c, VAR("TLS_CERT_FILE"), s->tls.cert_file);
	readable = settings_check_file(c, VAR("TLS_KEY_FILE"), s->tls.key_file) && readable;
	if (!readable)
		return;
	s->tls.loaded = tls_context_new(s->tls.cert_file, s->tls.key_file, &e);
	if (s->tls.loaded == NULL)
		conf_problem(c->problems, VAR("TLS_CERT_FILE"), "%s", e.text);
}

void
settings_check_tls(struct settings_check *c)
{
	static const char *const files[] = {"TLS_CERT_FILE", "TLS_KEY_FILE"};

	if (c->s->tls.source == SETTINGS_TLS_FILES) {
		check_files(c);
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (settings_check_is_given(c, files[i]))
			conf_problem(c->problems, VAR("TLS"),
				     "with self there are no files; expected %s not to be set",
				     files[i]);
}

static void
add_name(struct settings_check *c, const char *name)
{
	struct tls_names *names = &c->s->tls.names;

	err_assert(names->count < TLS_NAMES_MAX);
	if (name != NULL)
		names->items[names->count++] = name;
	else
		conf_problem(c->problems, VAR("TLS"), "out of memory for the certificate's names");
}

/* Whether the certificate has room for a name for each port. */
static bool
are_few(const struct ports *ports)
{
	size_t count = 0;

	for (size_t i = 0; i < ports->count; i++)
		count += (size_t)(ports->ranges[i].last - ports->ranges[i].first) + 1;
	return count <= TLS_NAMES_MAX - 2;
}

/* One wildcard name covers all ports for clients that accept a wildcard within a label (OpenSSL,
 * and so nginx and HAProxy). For other clients each port has a name, if all of them fit. */
static void
add_ports(struct settings_check *c, struct str name)
{
	const struct ports *ports = &c->s->auth.ports;
	struct arena *a = &c->s->arena;

	add_name(c, arena_printf(a, "*-%.*s", STR_FMT(name)));
	for (size_t i = 0; i < ports->count && are_few(ports); i++)
		for (unsigned port = ports->ranges[i].first; port <= ports->ranges[i].last; port++)
			add_name(c, arena_printf(a, "%u-%.*s", port, STR_FMT(name)));
}

void
settings_check_tls_names(struct settings_check *c)
{
	struct str host = c->s->auth.external_url.host;
	struct str name;
	uint16_t port;

	if (c->s->tls.source != SETTINGS_TLS_SELF || str_is_empty(host))
		return;
	if (!ports_split_host(host, &port, &name))
		name = host;
	add_name(c, arena_dup(&c->s->arena, host));
	if (c->s->auth.ports.count > 0 && c->problems->count == 0)
		add_ports(c, name);
}
