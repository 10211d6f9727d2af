/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Downloads all objects of a tree: addresses in batches, several objects at a time, with retries
 * after temporary failures.
 */
#ifndef CLONE_LFS_LFS_DOWNLOAD_H
#define CLONE_LFS_LFS_DOWNLOAD_H

#include "clone/git/git_steps.h"
#include "clone/lfs/lfs_objects.h"
#include "clone/lfs/lfs_remote.h"

/* Sets each object's state and reports progress. False: at least one object is missing, see f; or
 * the clone must stop, see t->failure. */
bool lfs_download(struct transfer *t, struct lfs_remote *r, struct lfs_objects *objects,
		  int lfs_dir, struct clone_failure *f) MUST_CHECK;

#endif
