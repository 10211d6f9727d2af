/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address that is cloned: allowed or not, and its text.
 */
#include "clone/source.h"

#include <arpa/inet.h>

/* AF_INET or AF_INET6 with the address in *out; AF_UNSPEC for a name. */
static int
parse_address(struct str host, struct in6_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	if (host.len >= sizeof(text))
		return AF_UNSPEC;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, out) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, out) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* Addresses and "localhost" only: a name such as 127.example.com may belong to anybody. */
static bool
host_is_loopback(struct str host)
{
	struct in6_addr address;

	switch (parse_address(host, &address)) {
	case AF_INET:
		return address.s6_addr[0] == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(&address);
	default:
		return str_equal(host, STR("localhost"));
	}
}

bool
source_is_gitlab(const struct clone_settings *settings)
{
	const struct url *a = &settings->url;
	const struct url *b = &settings->gitlab_url;

	return !str_is_empty(a->host) && str_equal(a->scheme, b->scheme) &&
	       str_equal(a->host, b->host) && a->port == b->port;
}

bool
source_check(const struct clone_settings *settings, struct clone_failure *f)
{
	const struct url *u = &settings->url;
	bool is_http = str_equal(u->scheme, STR("http"));

	if (!is_http && !str_equal(u->scheme, STR("https")))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "scheme \"%.*s\" is not https",
				   STR_FMT(u->scheme));
	if (is_http && !source_is_gitlab(settings) && !host_is_loopback(u->host))
		return failure_set(f, CLONE_PROBLEM_REFUSED,
				   "http is for loopback addresses and GitLab's own origin only");
	if (!str_is_empty(u->query))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "the address has a query");
	if (u->path.len < 2)
		return failure_set(f, CLONE_PROBLEM_REFUSED, "the address names no repository");
	return true;
}

static bool
add_origin(const struct url *u, struct buf *out)
{
	bool has_port = u->port != 0 && u->port != (str_equal(u->scheme, STR("https")) ? 443 : 80);

	buf_addf(out, "%.*s://%s%.*s%s", STR_FMT(u->scheme), u->host_is_ipv6 ? "[" : "",
		 STR_FMT(u->host), u->host_is_ipv6 ? "]" : "");
	if (has_port)
		buf_addf(out, ":%u", (unsigned)u->port);
	return buf_is_ok(out);
}

bool
source_add_url_text(const struct url *u, struct buf *out)
{
	return add_origin(u, out) && buf_add_str(out, u->path);
}

bool
source_add_url(const struct clone_settings *settings, struct buf *out)
{
	struct str path = settings->url.path;

	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	if (!add_origin(&settings->url, out) || !buf_add_str(out, path))
		return false;
	if (source_is_gitlab(settings) && !str_ends_with(path, STR(".git")))
		buf_add_str(out, STR(".git"));
	return buf_is_ok(out);
}
