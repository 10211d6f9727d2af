/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See stamp.h.
 */
#include "base/stamp.h"

#include <sys/stat.h>

struct stamp
stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct stamp){.size = -1};
	return (struct stamp){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = st.st_size,
		.changed = st.st_mtim,
	};
}

bool
stamp_is_same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
