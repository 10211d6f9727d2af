/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides from which origins LFS objects may be fetched, and which origins get credentials.
 *
 * Settings in the repository, such as lfs.url in .lfsconfig, are ignored. GitLab's batch answers
 * may name other origins (its object storage), those of other servers only origins of
 * CLONE_LFS_ORIGINS. Credentials are sent only to the origin of the batch request.
 */
#ifndef CLONE_LFS_LFS_REMOTE_H
#define CLONE_LFS_LFS_REMOTE_H

#include <stdatomic.h>

#include "base/net/cidr.h"
#include "clone/git/git_request.h"
#include "clone/lfs/lfs_pointer.h"

struct lfs_remote {
	const char *url; /* of the repository */
	struct url server;
	struct arena arena;
	bool is_gitlab;
	const struct clone_origins *origins; /* CLONE_LFS_ORIGINS */
	const struct secret *token;	     /* NULL: none */
	struct cidr_set local;	   /* addresses that hosts of other origins may not have */
	uint64_t stall_timeout_ms; /* for a whole batch answer */
	atomic_bool sends_token;   /* the server has asked for credentials */
	atomic_bool is_cancelled;
};

/* ERR_DENIED: LFS files of this server are not fetched. */
bool lfs_remote_init(struct lfs_remote *r, const struct git_request *request,
		     struct err *e) MUST_CHECK;
void lfs_remote_fini(struct lfs_remote *r);

/* Properties of a URL. */
struct lfs_url_info {
	bool is_server; /* it has the server's origin */
	/* Addresses that its host may not have; NULL: no restriction. */
	const struct cidr_set *refused;
};

/* Whether an object may be fetched from this URL (ERR_DENIED). */
bool lfs_remote_allows(const struct lfs_remote *r, struct str address, struct lfs_url_info *place,
		       struct err *e) MUST_CHECK;

/*
 * Appends the URL of an object, NUL-terminated. GitLab returns its public URL, which the pod may
 * not reach, so its own downloads (".../gitlab-lfs/objects/<oid>") are requested at the origin of
 * the clone.
 */
bool lfs_remote_append_address(const struct lfs_remote *r, struct str href,
			       const struct lfs_pointer *p, struct buf *out,
			       struct err *e) MUST_CHECK;

#endif
