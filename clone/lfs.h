/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large files, by the git-lfs that is installed here, if there is one: it fetches what the pointers
 * in a fresh clone stand for, and the clone is told of its filters.
 *
 * Runs without a shell and without hooks; from GitLab only, whatever the repository says; with the
 * credentials that git gets from the helper that the clone is configured with, and no others. Ends
 * with us and within a bound.
 */
#ifndef CLONE_LFS_H
#define CLONE_LFS_H

#include "base/str.h"

struct lfs_request {
	const char *dir;	    /* of the clone */
	const char *url;	    /* of the repository */
	const char *ca_file;	    /* NULL: the system's */
	uint64_t timeout_ms;	    /* of all of it */
	bool (*on_tick)(void *arg); /* now and then; false: give up */
	void *arg;
};

/* Whether there is a git-lfs, and a git, which it needs. */
bool lfs_is_installed(void);

bool lfs_pull(const struct lfs_request *request, struct err *e) MUST_CHECK;

#endif
