/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests to an LFS server: gets addresses (batch API) and downloads one object, checking
 * its size and SHA-256. Blocks.
 */
#ifndef CLONE_LFS_LFS_CLIENT_H
#define CLONE_LFS_LFS_CLIENT_H

#include "base/http/fetch_stream.h"
#include "clone/lfs/lfs_batch.h"
#include "clone/lfs/lfs_remote.h"

/* One download. */
struct lfs_job {
	struct lfs_object *object;
	struct lfs_action action;
	atomic_uint_least64_t bytes; /* written */
	struct clone_failure failure;
};

/* Requests the URLs of up to LFS_BATCH_OBJECTS_MAX objects. Fills the jobs' actions, whose strings
 * are in the arena. */
bool lfs_client_ask(struct fetch_stream *client, struct lfs_remote *r, struct lfs_job *jobs,
		    size_t count, struct arena *arena, struct clone_failure *f) MUST_CHECK;

/*
 * Downloads to tmp/… in the directory lfs_dir, then moves the object to objects/<2 digits>/<2
 * digits>/<oid> if size and SHA-256 match. Continues the download of an earlier attempt. Never
 * writes more than the pointer's size. Reports in job->failure.
 */
bool lfs_client_download(struct fetch_stream *client, struct lfs_remote *r, int lfs_dir,
			 struct lfs_job *job) MUST_CHECK;

#endif
