/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of one clone: source, target and limits.
 */
#ifndef CLONE_GIT_GIT_REQUEST_H
#define CLONE_GIT_GIT_REQUEST_H

#include "clone/failure.h"

#define GIT_REQUEST_CONNECT_TIMEOUT_MS 10000u

/* Called with phase and counters. False stops the clone. libgit2 can't be stopped in
 * CLONE_CHECKOUT: unless can_stop is set, the function may end the process instead of returning. */
typedef bool git_progress_fn(const struct clone_progress *p, void *arg);

struct git_request {
	const char *url;	    /* checked by remote_url_check */
	const char *ref;	    /* branch or tag; NULL: the remote's default branch */
	const struct secret *token; /* for this origin only; NULL: none */
	uint64_t depth;		    /* commits of one branch or tag; 0: everything */
	bool is_bare;		    /* bare repository with the remote's refs */
	bool keeps_all_branches;    /* keep the fetch refspec of all branches even with a depth */
	uint64_t bytes_max;	    /* limit for received bytes, those of submodules included */
	/* Files and folders that may still be checked out, those of submodules included. */
	uint64_t *files_left;
	const char *helper;	/* the repository's credential.helper; NULL: none */
	const char *target_dir; /* an empty directory */
	/* Submodules: levels, and the number that may still be cloned. */
	uint64_t submodules;
	unsigned *submodules_left;
	const struct clone_settings *settings; /* limits, timeouts, allowed origins of submodules */
	const struct secret *gitlab_token;     /* for submodules on GitLab */
	/* For a submodule: its commit and its git directory; else NULL. */
	const char *commit;
	const char *git_dir;
	int cancel_fd; /* readable: cancel */
	git_progress_fn *on_progress;
	void *arg;
	bool fetches_later; /* something is fetched after this request too */
	/* Drops network access of the calling process: before it writes files, and once nothing
	 * more is fetched. NULL: keeps it. */
	void (*leave_network)(void);
};

#endif
