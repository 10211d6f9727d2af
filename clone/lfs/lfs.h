/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git LFS files of the tree that is checked out: finds their pointers, fetches their objects into
 * the repository's lfs/objects, as git-lfs does, and configures git-lfs's filters. git-lfs itself
 * is not needed.
 *
 * Nothing is fetched if the files exceed CLONE_BYTES_MAX; a download never exceeds the size in its
 * pointer.
 */
#ifndef CLONE_LFS_LFS_H
#define CLONE_LFS_LFS_H

#include "clone/checkout/attributes.h"
#include "clone/git/git_steps.h"

struct lfs;

/*
 * Call it before the checkout. Afterwards t->lfs has the objects that were fetched, or is NULL;
 * CLONE_NOTE_LFS says whether LFS files remain pointers. Logs failures to fetch, which do not fail
 * the clone. False: see t->failure.
 */
bool lfs_fetch(struct transfer *t) MUST_CHECK;
void lfs_free(struct lfs *lfs);

/* Whether the attributes of a file make it an LFS file. */
bool lfs_applies(const struct attribute_value values[ATTRIBUTES]);

/* Returns the path of the object for a pointer file, which the caller frees; NULL: the file remains
 * a pointer. */
char *lfs_find(struct lfs *lfs, const char *path, struct str content);

#endif
