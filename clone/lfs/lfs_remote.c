/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares origins.
 */
#include "clone/lfs/lfs_remote.h"

#include "base/net/ip.h"

#define ARENA_MAX_BYTES (4u * URL_MAX_BYTES)

static bool
has_origin(const struct clone_origins *origins, const struct url *u)
{
	for (size_t i = 0; i < origins->count; i++) {
		if (url_is_same_origin(u, &origins->items[i]))
			return true;
	}
	return false;
}

bool
lfs_remote_init(struct lfs_remote *r, const struct git_request *request, struct err *e)
{
	*r = (struct lfs_remote){.url = request->url,
				 .origins = &request->settings->lfs_origins,
				 .token = request->token,
				 .stall_timeout_ms = request->stall_timeout_ms};
	arena_init(&r->arena, ARENA_MAX_BYTES);
	if (!url_parse(&r->server, str_from(request->url), &r->arena, e)) {
		arena_fini(&r->arena);
		return false;
	}
	r->is_gitlab = url_is_same_origin(&r->server, &request->settings->gitlab_url);
	if (r->is_gitlab || has_origin(r->origins, &r->server))
		return true;
	arena_fini(&r->arena);
	return err_set(e, ERR_DENIED, "their server is neither GitLab nor in CLONE_LFS_ORIGINS");
}

void
lfs_remote_fini(struct lfs_remote *r)
{
	arena_fini(&r->arena);
}

/* Loopback, link-local and unspecified addresses name something in the pod or on its node. */
static bool
is_local(struct str host)
{
	struct ip ip;
	bool is_v4;

	if (!ip_parse(&ip, host))
		return str_equal(host, STR("localhost")) || str_ends_with(host, STR(".localhost"));
	is_v4 = ip_is_mapped(&ip);
	if (ip_is_loopback(&ip))
		return true;
	if (is_v4)
		return ip.bytes[12] == 0 || (ip.bytes[12] == 169 && ip.bytes[13] == 254);
	return (ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80) ||
	       memcmp(ip.bytes, (const uint8_t[IP_BYTES]){0}, IP_BYTES) == 0;
}

/* An address at another origin than the server's. */
static bool
check_other(const struct lfs_remote *r, const struct url *u, struct err *e)
{
	if (has_origin(r->origins, u))
		return true;
	if (!r->is_gitlab)
		return err_set(e, ERR_DENIED, "its address at %.*s is not in CLONE_LFS_ORIGINS",
			       STR_FMT(str_take(u->host, 100)));
	if (str_equal(u->scheme, STR("http")) && str_equal(r->server.scheme, STR("https")))
		return err_set(e, ERR_DENIED, "its address at %.*s is not https",
			       STR_FMT(str_take(u->host, 100)));
	if (is_local(u->host) && !is_local(r->server.host))
		return err_set(e, ERR_DENIED, "its address at %.*s is a local one",
			       STR_FMT(str_take(u->host, 100)));
	return true;
}

bool
lfs_remote_allows(const struct lfs_remote *r, struct str address, bool *is_server, struct err *e)
{
	struct arena arena;
	struct url u;
	bool ok;

	arena_init(&arena, ARENA_MAX_BYTES);
	*is_server = false;
	ok = url_parse(&u, address, &arena, e);
	if (ok) {
		*is_server = url_is_same_origin(&u, &r->server);
		ok = *is_server || check_other(r, &u, e);
	}
	arena_fini(&arena);
	return ok;
}

bool
lfs_remote_append_address(const struct lfs_remote *r, struct str href, const struct lfs_pointer *p,
			  struct buf *out, struct err *e)
{
	char oid[LFS_OID_DIGITS + 1];
	struct arena arena;
	struct url u;
	bool ok;

	arena_init(&arena, ARENA_MAX_BYTES);
	lfs_pointer_format_oid(p, oid);
	ok = url_parse(&u, href, &arena, e);
	if (ok && r->is_gitlab && str_ends_with(u.path, str_from(oid)) &&
	    str_ends_with(str_take(u.path, u.path.len - LFS_OID_DIGITS),
			  STR(".git/gitlab-lfs/objects/")))
		ok = (url_add_origin(&r->server, out) && buf_add_str(out, u.path)) ||
		     err_set(e, ERR_MEMORY, "no memory");
	else if (ok)
		ok = buf_add_str(out, href) || err_set(e, ERR_LIMIT, "its address is too long");
	arena_fini(&arena);
	return ok && (buf_add_byte(out, '\0') || err_set(e, ERR_LIMIT, "its address is too long"));
}
