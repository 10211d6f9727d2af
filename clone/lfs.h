/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches Git LFS files with an installed git-lfs and configures its filters in the clone.
 *
 * Runs without a shell and without hooks, from GitLab only, whatever the repository configures;
 * with the credentials that git gets from the configured helper and no others. Ends with this
 * process and within a time limit.
 */
#ifndef CLONE_LFS_H
#define CLONE_LFS_H

#include "base/str.h"

struct lfs_request {
	const char *dir;	    /* of the clone */
	const char *url;	    /* of the repository */
	const char *ca_file;	    /* NULL: the system's */
	uint64_t timeout_ms;	    /* time limit for the whole operation */
	bool (*on_tick)(void *arg); /* called regularly; false: cancel */
	void *arg;
};

/* Whether git-lfs, and git, which it needs, are installed. */
bool lfs_is_installed(void);

bool lfs_pull(const struct lfs_request *request, struct err *e) MUST_CHECK;

#endif
