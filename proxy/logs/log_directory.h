/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists a directory in pieces and keeps the most recently changed regular files whose names match.
 */
#ifndef PROXY_LOGS_LOG_DIRECTORY_H
#define PROXY_LOGS_LOG_DIRECTORY_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_DIRECTORY_ENTRIES_MAX 20000u /* entries per directory; more are ignored */

struct log_candidate {
	int64_t changed_ms;
	dev_t device;
	ino_t inode;
	unsigned pattern; /* the caller's */
	char name[NAME_MAX + 1];
};

/* The caller clears count before a new look, and seen before another directory. */
struct log_candidates {
	struct log_candidate *items; /* of the caller */
	size_t max;
	size_t count;
	size_t seen; /* entries of this directory */
};

/* Opens the directory at an absolute path without following links. -1 with errno. */
int log_directory_open(const char *path);

/* Opens a regular file in the directory, without blocking; no link, device or pipe. -1 with errno.
 */
int log_directory_open_file(int directory, const char *name);

/* Lists a part of the directory. True at its end. */
bool log_directory_list(DIR *directory, const char *name_pattern, unsigned pattern,
			struct log_candidates *found);

struct stat;

/* Returns when the file was modified last, clamped: its owner can set any time. */
int64_t log_directory_changed_ms(const struct stat *st);

#endif
