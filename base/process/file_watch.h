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
	off_t size; /* -1: there is no such file, or it can't be looked at */
	struct timespec changed;
};

/* Blocks as long as stat(2) does. */
struct file_state file_watch_stat(const char *path);
bool file_state_is_same(const struct file_state *a, const struct file_state *b);

/* One of a few files that are read together, as a certificate and its key are. */
struct file_watch {
	const char *path; /* NULL: none */
	struct file_state seen;
	struct file_state applied;
};

/* They are read as they are now. */
void file_watch_apply(struct file_watch *files, size_t count);

/* Looks at them; whether they are to be read again: they are all there, not as they were applied,
 * and as they were at the last look, so that a pair is not read while it is being written. */
bool file_watch_check(struct file_watch *files, size_t count);

#endif
