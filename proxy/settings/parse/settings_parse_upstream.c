/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of UPSTREAM, UPSTREAM_HOSTS and IDE_PROBES.
 */
#include "base/ascii.h"
#include "base/dns_name.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/settings.h"

/* At other addresses a different machine could respond. */
#define HTTPS_ON_LOOPBACK                                                                          \
	"https is supported on loopback only, because the server's certificate is not verified"

/* Adds a name in lower case, as url_parse converts that of UPSTREAM. */
static bool
add_host(struct settings_hosts *hosts, struct str name, struct arena *a, struct err *e)
{
	char *copy;

	if (!dns_is_name(name, DNS_LENIENT))
		return err_set(e, ERR_CONFIG, "\"%.*s\" is neither a host name nor an IP address",
			       STR_FMT(str_take(name, DNS_NAME_MAX)));
	if (hosts->count == SETTINGS_HOSTS_MAX)
		return err_set(e, ERR_CONFIG, "more than %d names", SETTINGS_HOSTS_MAX);
	copy = arena_dup(a, name);
	if (copy == NULL)
		return err_set(e, ERR_MEMORY, "too long");
	for (size_t i = 0; i < name.len; i++)
		copy[i] = ascii_to_lower(copy[i]);
	hosts->names[hosts->count++] = (struct str){copy, name.len};
	return true;
}

bool
settings_parse_hosts(struct str value, void *field, struct arena *a, struct err *e)
{
	struct settings_hosts *hosts = field;
	struct str rest = value;
	struct buf addresses;
	struct str part;
	struct ip ip;
	bool ok = true;

	*hosts = (struct settings_hosts){.count = 0};
	buf_init(&addresses, 4096);
	while (ok && str_next(&rest, ',', &part)) {
		part = str_trim(part);
		if (ip_parse(&ip, part))
			buf_addf(&addresses, "%.*s,", STR_FMT(part));
		else
			ok = add_host(hosts, part, a, e);
	}
	ok = ok && cidr_parse(&hosts->addresses, buf_view(&addresses), e);
	buf_fini(&addresses);
	return ok;
}

void
settings_format_hosts(const void *field, struct buf *out)
{
	const struct settings_hosts *hosts = field;

	for (size_t i = 0; i < hosts->count; i++)
		buf_addf(out, "%s%.*s", i == 0 ? "" : ",", STR_FMT(hosts->names[i]));
	if (hosts->count > 0 && hosts->addresses.count > 0)
		buf_add_byte(out, ',');
	cidr_format(&hosts->addresses, out);
}

static bool
is_on_loopback(const struct address *address)
{
	struct ip ip;

	return address_get_ip(address, &ip) && ip_is_loopback(&ip);
}

bool
settings_parse_upstream(struct str value, void *field, struct arena *a, struct err *e)
{
	struct settings_upstream *upstream = field;
	struct err no_address = ERR_INIT;
	struct url url;

	*upstream = (struct settings_upstream){.count = 1};
	if (str_starts_with(value, STR("unix:")))
		return address_parse(&upstream->addresses[0], value, e);
	if (!url_parse(&url, value, a, e))
		return false;
	bool is_https = str_equal(url.scheme, STR("https"));
	if (url.path.len > 1 || !str_is_empty(url.query))
		return err_set(e, ERR_CONFIG, "it must not have a path or query");
	if (!url.host_is_ipv6 &&
	    !address_from_host(&upstream->addresses[0], url.host, url.port, &no_address)) {
		if (is_https)
			return err_set(e, ERR_CONFIG, HTTPS_ON_LOOPBACK);
		*upstream = (struct settings_upstream){.port = url.port};
		return settings_keep_text(url.host, &upstream->name, a, e);
	}
	if (!address_from_host(&upstream->addresses[0], url.host, url.port, e))
		return false;
	upstream->is_https = is_https;
	if (is_https && !is_on_loopback(&upstream->addresses[0]))
		return err_set(e, ERR_CONFIG, HTTPS_ON_LOOPBACK);
	/* Some servers listen on 127.0.0.1 or ::1 only. */
	if (!str_equal_nocase(url.host, STR("localhost")))
		return true;
	upstream->count = 2;
	return address_from_host(&upstream->addresses[1], STR("::1"), url.port, e);
}

static const char *
scheme_of(const struct settings_upstream *upstream)
{
	if (address_is_unix(&upstream->addresses[0]))
		return "";
	return upstream->is_https ? "https://" : "http://";
}

void
settings_format_upstream(const void *field, struct buf *out)
{
	const struct settings_upstream *upstream = field;
	const struct address *address = &upstream->addresses[0];
	char text[ADDRESS_TEXT_MAX];

	if (upstream->name != NULL)
		buf_addf(out, "http://%s:%u", upstream->name, upstream->port);
	if (!address_is_set(address))
		return;
	address_format(address, text, sizeof(text));
	buf_addf(out, "%s%s", scheme_of(upstream), text);
}

bool
settings_parse_ide_probes(struct str value, void *field, struct arena *a, struct err *e)
{
	char *copy = arena_dup(a, value);

	if (copy == NULL)
		return err_set(e, ERR_MEMORY, "too long");
	return health_checks_parse(field, (struct str){copy, value.len}, e);
}

void
settings_format_ide_probes(const void *field, struct buf *out)
{
	health_checks_format(field, out);
}
