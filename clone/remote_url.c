/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks, formats and compares URLs of remotes.
 */
#include "clone/remote_url.h"

#include <stdio.h>

#include "base/net/ip.h"

/* Accepts only addresses and "localhost": a name such as 127.example.com may belong to anybody. */
static bool
host_is_loopback(struct str host)
{
	struct ip ip;

	return ip_parse(&ip, host) ? ip_is_loopback(&ip) : str_equal(host, STR("localhost"));
}

bool
remote_url_is_gitlab(const struct clone_settings *settings)
{
	return url_is_same_origin(&settings->url, &settings->gitlab_url);
}

bool
remote_url_is_allowed(const struct clone_settings *settings)
{
	return clone_origins_contain(&settings->origins, &settings->url) ||
	       remote_url_is_gitlab(settings);
}

bool
remote_url_check(const struct clone_settings *settings, struct clone_failure *f)
{
	const struct url *u = &settings->url;
	bool is_http = str_equal(u->scheme, STR("http"));

	if (!is_http && !str_equal(u->scheme, STR("https")))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "scheme \"%.*s\" is not https",
				   STR_FMT(u->scheme));
	if (is_http && !remote_url_is_allowed(settings) && !host_is_loopback(u->host))
		return failure_set(f, CLONE_PROBLEM_REFUSED,
				   "http is allowed only for loopback addresses and for configured "
				   "http origins");
	if (!str_is_empty(u->query))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "the URL has a query");
	if (u->path.len < 2)
		return failure_set(f, CLONE_PROBLEM_REFUSED, "the URL has no path");
	return true;
}

bool
remote_url_append_text(const struct url *u, struct buf *out)
{
	return url_add_origin(u, out) && buf_add_str(out, u->path);
}

bool
remote_url_append(const struct clone_settings *settings, struct buf *out)
{
	struct str path = settings->url.path;

	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	if (!url_add_origin(&settings->url, out) || !buf_add_str(out, path))
		return false;
	if (remote_url_is_gitlab(settings) && !str_ends_with(path, STR(".git")))
		buf_add_str(out, STR(".git"));
	return buf_is_ok(out);
}

struct location {
	struct str host; /* including a port other than the default */
	struct str path; /* without surrounding '/' and ".git" */
	bool is_ssh;
};

static void
set_path(struct location *p, struct str path)
{
	while (!str_is_empty(path) && path.data[0] == '/')
		path = str_skip(path, 1);
	while (!str_is_empty(path) && path.data[path.len - 1] == '/')
		path.len--;
	if (str_ends_with(path, STR(".git")))
		path.len -= 4;
	p->path = path;
}

static struct str
without_userinfo(struct str authority)
{
	size_t at;

	while ((at = str_find_byte(authority, '@')) != SIZE_MAX)
		authority = str_skip(authority, at + 1);
	return authority;
}

/* Parses the scp-like form "[user@]host:path". */
static bool
split_short(struct str text, struct location *p)
{
	size_t colon = str_find_byte(text, ':');
	size_t slash = str_find_byte(text, '/');

	if (colon == SIZE_MAX || slash < colon)
		return false;
	p->is_ssh = true;
	p->host = without_userinfo(str_take(text, colon));
	set_path(p, str_skip(text, colon + 1));
	return true;
}

static struct str
without_port(struct str authority)
{
	size_t bracket = str_find_byte(authority, ']');
	size_t end = bracket == SIZE_MAX ? str_find_byte(authority, ':') : bracket + 1;

	return str_take(authority, end);
}

static bool
split(struct str text, struct location *p)
{
	size_t colon = str_find(text, STR("://"));
	struct str scheme = str_take(text, colon == SIZE_MAX ? 0 : colon);
	struct str rest = str_skip(text, colon == SIZE_MAX ? 0 : colon + 3);
	struct str port = STR(":443");
	size_t slash = str_find_byte(rest, '/');

	*p = (struct location){.is_ssh = false};
	if (colon == SIZE_MAX)
		return split_short(text, p);
	if (slash == SIZE_MAX)
		return false;
	p->is_ssh = str_equal_nocase(scheme, STR("ssh"));
	if (str_equal_nocase(scheme, STR("http")))
		port = STR(":80");
	else if (!p->is_ssh && !str_equal_nocase(scheme, STR("https")))
		return false;
	p->host = without_userinfo(str_take(rest, slash));
	if (str_ends_with(p->host, port))
		p->host.len -= port.len;
	/* ssh uses another port of the same host. */
	if (p->is_ssh)
		p->host = without_port(p->host);
	set_path(p, str_skip(rest, slash));
	return true;
}

/* Removes GitLab's relative URL root, which ssh paths do not have. */
static struct str
without_root(struct str path, struct str root)
{
	root = str_skip(root, 1);
	if (!str_is_empty(root) && str_starts_with(path, root) && path.len > root.len &&
	    path.data[root.len] == '/')
		return str_skip(path, root.len + 1);
	return path;
}

/* Whether this host of a location, in brackets if it is an IPv6 address, is that of u. */
static bool
is_host(const struct url *u, struct str host)
{
	bool has_brackets = str_starts_with(host, STR("[")) && str_ends_with(host, STR("]"));

	if (has_brackets != u->host_is_ipv6)
		return false;
	return str_equal_nocase(has_brackets ? str_take(str_skip(host, 1), host.len - 2) : host,
				u->host);
}

/* Whether an ssh URL with this host leads to GitLab. The port does not matter, because the host is
 * GitLab's. */
static bool
is_ssh_host(const struct clone_settings *settings, struct str host)
{
	return is_host(&settings->gitlab_url, host) ||
	       (settings->gitlab_ssh.host.len > 0 &&
		str_equal_nocase(host, settings->gitlab_ssh.host));
}

bool
remote_url_append_gitlab(const struct clone_settings *settings, struct str url, struct buf *out)
{
	const struct url *gitlab = &settings->gitlab_url;
	struct location l;
	char authority[300];

	if (str_is_empty(gitlab->host) || !split(url, &l) || str_is_empty(l.path))
		return false;
	snprintf(authority, sizeof(authority), gitlab->host_is_ipv6 ? "[%.*s]:%u" : "%.*s:%u",
		 STR_FMT(gitlab->host), (unsigned)gitlab->port);
	if (l.is_ssh ? !is_ssh_host(settings, l.host)
		     : !is_host(gitlab, l.host) && !str_equal_nocase(l.host, str_from(authority)))
		return false;
	/* ssh's paths lack GitLab's relative URL root. */
	return url_add_origin(gitlab, out) && (!l.is_ssh || buf_add_str(out, gitlab->path)) &&
	       buf_add_byte(out, '/') && buf_add_str(out, l.path);
}

bool
remote_url_is_same(const struct clone_settings *settings, const char *url)
{
	struct location theirs;
	struct location ours;
	struct buf text;
	bool ok;

	buf_init(&text, 2 * (size_t)URL_MAX_BYTES);
	ok = remote_url_append_text(&settings->url, &text) && split(buf_view(&text), &ours) &&
	     split(str_from(url), &theirs);
	if (ok && theirs.is_ssh) {
		ok = (remote_url_is_gitlab(settings) ? is_ssh_host(settings, theirs.host)
						     : is_host(&settings->url, theirs.host)) &&
		     str_equal(without_root(ours.path, settings->gitlab_url.path), theirs.path);
	} else if (ok) {
		ok = str_equal_nocase(ours.host, theirs.host) && str_equal(ours.path, theirs.path);
	}
	buf_fini(&text);
	return ok;
}
