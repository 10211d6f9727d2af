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

#define LOG_DIRECTORY_ENTRIES_MAX 20000u /* of a directory; further ones are not seen */

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

/* Opens an absolute path without following any link; -1 with errno. */
int log_directory_open(const char *path);

/* A regular file in it, never a link, a device or a pipe; -1 with errno. Does not block. */
int log_directory_open_file(int directory, const char *name);

/* Goes through one piece of the directory; true at its end. */
bool log_directory_list(DIR *directory, const char *name_pattern, unsigned pattern,
			struct log_candidates *found);

struct stat;

/* When a file changed last. Its owner may have set any time at all. */
int64_t log_directory_changed_ms(const struct stat *st);

#endif
