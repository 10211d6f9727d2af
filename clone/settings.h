/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is cloned, where to and within which limits.
 */
#ifndef CLONE_SETTINGS_H
#define CLONE_SETTINGS_H

#include <stdint.h>

#include "base/secret.h"
#include "base/url.h"

#define CLONE_ORIGINS_MAX 16
struct clone_origins {
	struct url items[CLONE_ORIGINS_MAX];
	size_t count;
};

struct clone_number { /* a setting that may be left as it is found */
	bool is_set;
	unsigned value;
};

struct clone_settings {
	struct url url; /* host is empty: no clone */
	const char *dir;
	const char *ref;	   /* branch, tag or NULL for the remote's default */
	struct secret *token;	   /* clones at start; NULL: wait for the first user */
	const char *ca_file;	   /* NULL: the system's */
	uint64_t stall_timeout_ms; /* no progress for this long ends the worker */
	uint64_t depth;		   /* commits of history; 0: all */
	bool unshallow;		   /* what depth leaves out comes afterwards */
	uint64_t memory_bytes;	   /* for objects while a pack is indexed */
	uint64_t submodules;	   /* levels of them; 0: none */
	bool lfs;		   /* large files are fetched where git-lfs is installed */
	uint64_t retries;	   /* after what may pass by itself */
	uint64_t bytes_max;	   /* received for one repository */
	uint64_t files_max;	   /* and folders, in what is checked out */
	uint64_t file_bytes_max;   /* bytes of one of them */
	struct clone_number umask; /* of what is written */
	struct clone_number group; /* that it belongs to */
	const char *marker;	   /* file that says the clone is done, as GitLab's; NULL: none */
	struct clone_origins origins; /* that may be cloned from besides, without credentials */
	struct url gitlab_url;	      /* credentials go to this origin only */
	const char *helper;	      /* git's credential.helper for that origin; NULL: none */
};

#endif
