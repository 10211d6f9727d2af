/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detects changes of files that are reloaded. Symbolic links are followed, because Kubernetes
 * updates mounted secrets by replacing links.
 */
#ifndef BASE_PROCESS_FILE_WATCH_H
#define BASE_PROCESS_FILE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct file_state {
	dev_t device;
	ino_t inode;
	off_t size; /* -1: no such file, or stat(2) failed */
	struct timespec changed;
};

/* Reads the file's state; blocks as long as stat(2) does. */
struct file_state file_watch_stat(const char *path);
bool file_state_is_same(const struct file_state *a, const struct file_state *b);

/* One of a few files that belong together, such as a certificate and its key. */
struct file_watch {
	const char *path; /* NULL: none */
	struct file_state seen;
	struct file_state applied;
};

/* Records the current states as those in use. */
void file_watch_apply(struct file_watch *files, size_t count);

/* Whether the files should be read again: all exist, they differ from those in use, and they have
 * not changed since the last check, so that a pair is not read while it is being written. */
bool file_watch_check(struct file_watch *files, size_t count);

#endif
