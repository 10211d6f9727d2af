/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells whether a file is still the one that was looked at: for files that are read again when
 * they change. Symbolic links are followed, as Kubernetes swaps them.
 */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct stamp {
	dev_t device;
	ino_t inode;
	off_t size; /* -1: there is no such file, or it can't be looked at */
	struct timespec changed;
};

/* Blocks as long as stat(2) does. */
struct stamp stamp_of(const char *path);
bool stamp_is_same(const struct stamp *a, const struct stamp *b);

/* One of a few files that are read together, as a certificate and its key are. */
struct stamp_watch {
	const char *path; /* NULL: none */
	struct stamp seen;
	struct stamp applied;
};

/* They are read as they are now. */
void stamp_watch_apply(struct stamp_watch *files, size_t count);

/* Looks at them; whether they are to be read again: they are all there, not as they were applied,
 * and as they were at the last look, so that a pair is not read while it is being written. */
bool stamp_watch_look(struct stamp_watch *files, size_t count);

#endif
