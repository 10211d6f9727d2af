/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells whether a file is still the one that was looked at: for files that are read again when
 * they change. Symbolic links are followed, as Kubernetes swaps them.
 */
#ifndef BASE_STAMP_H
#define BASE_STAMP_H

#include <stdbool.h>
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

#endif
