/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares origins of addresses and redirects with the allowed ones.
 */
#include "clone/lfs/lfs_remote.h"

#define ARENA_MAX_BYTES (4u * URL_MAX_BYTES)

bool
lfs_remote_init(struct lfs_remote *r, const struct git_request *request, struct err *e)
{
	*r = (struct lfs_remote){.url = request->url,
				 .origins = &request->settings->lfs_origins,
				 .token = request->token,
				 .stall_timeout_ms = request->settings->stall_timeout_ms};
	arena_init(&r->arena, ARENA_MAX_BYTES);
	if (!cidr_parse(&r->local, STR(CIDR_LOCAL), e) ||
	    !url_parse(&r->server, str_from(request->url), &r->arena, e)) {
		arena_fini(&r->arena);
		return false;
	}
	r->is_gitlab = url_is_same_origin(&r->server, &request->settings->gitlab_url);
	if (r->is_gitlab || clone_origins_contain(r->origins, &r->server))
		return true;
	arena_fini(&r->arena);
	return err_set(e, ERR_DENIED, "their server is neither GitLab nor in CLONE_LFS_ORIGINS");
}

void
lfs_remote_fini(struct lfs_remote *r)
{
	arena_fini(&r->arena);
}

/* Whether the host is in the pod, on its node or in the cloud's metadata service. */
static bool
is_local(const struct lfs_remote *r, struct str host)
{
	return cidr_contains_text(&r->local, host) || str_equal(host, STR("localhost")) ||
	       str_ends_with(host, STR(".localhost"));
}

/* Checks a URL at another origin than the server's. */
static bool
check_other(const struct lfs_remote *r, const struct url *u, struct lfs_url_info *place,
	    struct err *e)
{
	if (clone_origins_contain(r->origins, u))
		return true;
	if (!r->is_gitlab)
		return err_set(e, ERR_DENIED, "its address at %.*s is not in CLONE_LFS_ORIGINS",
			       STR_FMT(str_take(u->host, 100)));
	if (str_equal(u->scheme, STR("http")) && str_equal(r->server.scheme, STR("https")))
		return err_set(e, ERR_DENIED, "its address at %.*s is not https",
			       STR_FMT(str_take(u->host, 100)));
	if (is_local(r, r->server.host))
		return true;
	place->refused = &r->local;
	return !is_local(r, u->host) || err_set(e, ERR_DENIED, "its address at %.*s is a local one",
						STR_FMT(str_take(u->host, 100)));
}

bool
lfs_remote_allows(const struct lfs_remote *r, struct str address, struct lfs_url_info *place,
		  struct err *e)
{
	struct arena arena;
	struct url u;
	bool ok;

	arena_init(&arena, ARENA_MAX_BYTES);
	*place = (struct lfs_url_info){.is_server = false};
	ok = url_parse(&u, address, &arena, e);
	if (ok) {
		place->is_server = url_is_same_origin(&u, &r->server);
		ok = place->is_server || check_other(r, &u, place, e);
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
		     err_set(e, ERR_MEMORY, "out of memory");
	else if (ok)
		ok = buf_add_str(out, href) || err_set(e, ERR_LIMIT, "its address is too long");
	arena_fini(&arena);
	return ok && (buf_add_byte(out, '\0') || err_set(e, ERR_LIMIT, "its address is too long"));
}
