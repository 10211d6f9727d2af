/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one clone by libgit2 is asked to do: where from, where to, and within which limits.
 */
#ifndef CLONE_GIT_GIT_REQUEST_H
#define CLONE_GIT_GIT_REQUEST_H

#include "clone/failure.h"

#define GIT_REQUEST_CONNECT_TIMEOUT_MS 10000u

/*
 * Phase and counters. False stops the clone; during CLONE_CHECKOUT libgit2 can't be stopped: unless
 * can_stop is set there, the function may end the process instead of returning.
 */
typedef bool git_progress_fn(const struct clone_progress *p, void *arg);

struct git_request {
	const char *url;	    /* checked: see clone/remote_url.h */
	const char *ref;	    /* branch, else tag; NULL: the remote's default branch */
	const struct secret *token; /* NULL: none; must be for this very origin */
	const char *ca_file;	    /* NULL: the system's */
	uint64_t depth;		    /* commits of one branch or tag; 0: all of everything */
	bool is_bare;		    /* objects and the remote's refs, nothing to work with */
	bool widens;		    /* `git fetch` gets all branches, also with a depth */
	uint64_t bytes_max;	    /* to receive */
	uint64_t files_max;	    /* to check out, folders included */
	uint64_t file_bytes_max;    /* bytes of one of them */
	const char *helper;	    /* the repository's credential.helper; NULL: none */
	uint64_t memory_bytes;	    /* for objects while a pack is indexed, then of mapped packs */
	const char *into;	    /* an empty directory of our own */
	/* Submodules: levels of them, and how many there may still be. */
	uint64_t submodules;
	unsigned *submodules_left;
	const struct clone_settings *settings; /* where they may come from */
	const struct secret *gitlab_token;     /* for those that GitLab has */
	/* Of a submodule: its commit, and the directory of its repository; else NULL. */
	const char *commit;
	const char *git_dir;
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms; /* no byte for this long */
	int cancel_fd;		   /* readable: give up */
	git_progress_fn *on_progress;
	void *arg;
};

#endif
