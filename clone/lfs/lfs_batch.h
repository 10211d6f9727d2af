/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers of the batch API (git-lfs docs/api/batch.md; GitLab's
 * Repositories::LfsApiController). Pure functions over untrusted text.
 */
#ifndef CLONE_LFS_LFS_BATCH_H
#define CLONE_LFS_LFS_BATCH_H

#include "base/arena.h"
#include "clone/lfs/lfs_objects.h"

/* Objects of one request, as in git-lfs. */
#define LFS_BATCH_OBJECTS_MAX 100u
/* Limit of an answer: signed URLs and tokens have about 2 KiB. */
#define LFS_BATCH_MAX_BYTES (1024u * 1024u)

/* What the server says about one object. */
struct lfs_action {
	const char *href; /* NULL: see problem */
	/* Value of the Authorization header, or NULL; other headers are ignored. */
	const char *authorization;
	const char *problem; /* why there is no URL */
};

bool lfs_batch_write(struct buf *out, struct lfs_object *const *objects, size_t count) MUST_CHECK;

/* Parses an answer. actions: one per object, in their order; strings are in the arena.
 * ERR_PROTOCOL. */
bool lfs_batch_read(struct str text, struct lfs_object *const *objects, size_t count,
		    struct lfs_action *actions, struct arena *arena, struct err *e) MUST_CHECK;

/* Returns the "message" of an error answer; empty: there is none. */
struct str lfs_batch_message(struct str text, struct arena *arena);

#endif
