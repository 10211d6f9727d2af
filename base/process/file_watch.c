/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the results of stat(2) with earlier ones.
 */
#include "base/process/file_watch.h"

#include <sys/stat.h>

struct file_state
file_watch_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct file_state){.size = -1};
	return (struct file_state){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = st.st_size,
		.changed = st.st_mtim,
	};
}

bool
file_state_is_same(const struct file_state *a, const struct file_state *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Whether the file has changed since the last look, or is missing. */
static bool
look(struct file_watch *f)
{
	if (f->path == NULL)
		return false;
	struct file_state now = file_watch_stat(f->path);
	bool has_moved = !file_state_is_same(&now, &f->seen);
	f->seen = now;
	return has_moved || now.size < 0;
}

void
file_watch_apply(struct file_watch *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		(void)look(&files[i]);
		files[i].applied = files[i].seen;
	}
}

bool
file_watch_check(struct file_watch *files, size_t count)
{
	bool is_moving = false;
	bool has_changed = false;

	for (size_t i = 0; i < count; i++) {
		is_moving = look(&files[i]) || is_moving;
		has_changed = has_changed || !file_state_is_same(&files[i].seen, &files[i].applied);
	}
	return has_changed && !is_moving;
}
