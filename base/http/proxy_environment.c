/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxies that speak plain HTTP are supported, with CONNECT (RFC 9110 section 9.3.6).
 */
#include "base/http/proxy_environment.h"

#include <stdlib.h>

#include "base/net/cidr.h"
#include "base/url.h"

#define DEFAULT_PORT 1080 /* as curl has it */

static const char *const proxy_variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					      "ALL_PROXY"};
static const char *const exception_variables[] = {"no_proxy", "NO_PROXY"};

/* Finds the first variable that is set and not empty, and its name. */
static struct str
first_of(const char *const *names, size_t count, const char **name)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0') {
			*name = names[i];
			return str_trim(str_from(value));
		}
	}
	return STR_NONE;
}

/* Whether an entry of no_proxy matches the host: a domain with its subdomains, or an address, which
 * may have a prefix length. */
static bool
is_exception(struct str entry, struct str host)
{
	struct cidr_set networks = {.count = 0};

	if (str_equal(entry, STR("*")))
		return true;
	if (cidr_parse(&networks, entry, NULL))
		return cidr_contains_text(&networks, host);
	if (str_starts_with(entry, STR(".")))
		entry = str_skip(entry, 1);
	if (entry.len == 0 || !str_ends_with_nocase(host, entry))
		return false;
	return host.len == entry.len || host.data[host.len - entry.len - 1] == '.';
}

static bool
is_excepted(struct str host)
{
	const char *name;
	struct str rest = first_of(exception_variables, 2, &name);
	struct str part;

	while (rest.len > 0 && str_next(&rest, ',', &part)) {
		struct str entry;

		while (part.len > 0 && str_next(&part, ' ', &entry))
			if (is_exception(str_trim(entry), host))
				return true;
	}
	return false;
}

static bool
take_login(struct outgoing_proxy *p, struct str text)
{
	struct buf decoded;
	bool ok;

	buf_init(&decoded, sizeof(p->login) - 1);
	ok = url_decode(&decoded, text, false);
	if (ok && decoded.len > 0)
		memcpy(p->login, decoded.data, decoded.len);
	p->login[ok ? decoded.len : 0] = '\0';
	buf_wipe_fini(&decoded);
	return ok;
}

static size_t
find_last(struct str s, char byte)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.data[i - 1] == byte)
			return i - 1;
	return SIZE_MAX;
}

static bool
parse(struct outgoing_proxy *p, struct str text)
{
	struct str scheme = STR("http://");
	struct str host;
	size_t at;

	if (str_starts_with_nocase(text, scheme))
		text = str_skip(text, scheme.len);
	else if (str_find(text, STR("://")) != SIZE_MAX)
		return false;
	text = str_take(text, str_find_byte(text, '/'));
	at = find_last(text, '@');
	if (at != SIZE_MAX && !take_login(p, str_take(text, at)))
		return false;
	if (at != SIZE_MAX)
		text = str_skip(text, at + 1);
	if (!url_split_authority(text, &host, &p->port) || host.len >= sizeof(p->host))
		return false;
	if (p->port == 0)
		p->port = DEFAULT_PORT;
	memcpy(p->host, host.data, host.len);
	p->host[host.len] = '\0';
	return true;
}

bool
proxy_environment_find(const char *host, struct outgoing_proxy *p, struct err *e)
{
	const char *name = "";
	struct str text = first_of(proxy_variables, 4, &name);

	*p = (struct outgoing_proxy){.port = 0};
	if (text.len == 0 || is_excepted(str_from(host)) || parse(p, text))
		return true;
	/* The message leaves out the value, which may contain a password. */
	return err_set(e, ERR_PROXY, "%s: expected a proxy such as http://proxy.example.com:3128",
		       name);
}
