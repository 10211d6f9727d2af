/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the clone: source, target and limits.
 */
#ifndef CLONE_SETTINGS_H
#define CLONE_SETTINGS_H

#include <stdint.h>

#include "base/git_config.h"
#include "base/process/sandbox.h"
#include "base/secret.h"
#include "base/url.h"

#define CLONE_ORIGINS_MAX 16
struct clone_origins {
	struct url items[CLONE_ORIGINS_MAX];
	size_t count;
};

static inline bool
clone_origins_contain(const struct clone_origins *origins, const struct url *u)
{
	for (size_t i = 0; i < origins->count; i++) {
		if (url_is_same_origin(u, &origins->items[i]))
			return true;
	}
	return false;
}

struct clone_number { /* an optional number */
	bool is_set;
	unsigned value;
};

struct clone_settings {
	struct url url; /* host is empty: no clone */
	const char *dir;
	const char *ref;	   /* branch, tag or NULL for the remote's default */
	struct secret *token;	   /* clone at start; NULL: wait for the first user */
	const char *ca_file;	   /* NULL: the system's */
	uint64_t stall_timeout_ms; /* no progress for this long ends the worker */
	uint64_t depth;		   /* commits of history; 0: all */
	bool unshallow;		   /* fetch the history that depth left out afterwards */
	uint64_t memory_bytes;	   /* for objects while a pack is indexed */
	uint64_t submodules;	   /* levels of submodules; 0: none */
	bool lfs;		   /* fetch LFS files */
	uint64_t retries;	   /* after transient failures */
	uint64_t bytes_max;	   /* received for one repository */
	uint64_t files_max;	   /* files and folders to check out, with submodules */
	uint64_t file_bytes_max;   /* size of one file */
	struct clone_number umask; /* for the work tree and .git */
	struct clone_number group; /* group of all files */
	/* File created when the clone is done, as in GitLab workspaces; NULL: none. */
	const char *marker;
	/* Further origins to clone from, without credentials. */
	struct clone_origins origins;
	/* Those that LFS files may come from. */
	struct clone_origins lfs_origins;
	struct url gitlab_url; /* credentials go to this origin only */
	struct git_ssh_address gitlab_ssh;
	struct sandbox_settings sandbox; /* of the worker */
	const char *helper;		 /* git's credential.helper for that origin; NULL: none */
};

#endif
