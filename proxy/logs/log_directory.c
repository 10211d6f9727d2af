/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens paths component by component with O_NOFOLLOW, as openat2(2) with RESOLVE_NO_SYMLINKS does
 * where it is allowed, so that a path can't change between check and open. Directories on the way
 * are opened with O_PATH, which needs no read permission.
 */
#include "proxy/logs/log_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_PER_PIECE 256u
#define SECONDS_MAX	  (INT64_MAX / 1000 - 1) /* that fit in milliseconds */

static int
open_below(int parent, const char *name, size_t len, bool is_last)
{
	int access = is_last ? O_RDONLY | O_NONBLOCK : O_PATH;
	char part[NAME_MAX + 1];

	if (len > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, name, len);
	part[len] = '\0';
	return openat(parent, part, access | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int
log_directory_open(const char *path)
{
	bool is_root = path[strspn(path, "/")] == '\0';
	int fd = open("/", (is_root ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && *(path += strspn(path, "/")) != '\0') {
		size_t len = strcspn(path, "/");
		bool is_last = path[len + strspn(path + len, "/")] == '\0';
		int below = open_below(fd, path, len, is_last);
		int saved = errno;

		(void)close(fd);
		errno = saved;
		fd = below;
		path += len;
	}
	return fd;
}

int
log_directory_open_file(int directory, const char *name)
{
	struct stat st;
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

int64_t
log_directory_changed_ms(const struct stat *st)
{
	int64_t seconds = (int64_t)st->st_mtim.tv_sec;

	if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX)
		seconds = seconds > 0 ? SECONDS_MAX : -SECONDS_MAX;
	return seconds * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* Adds a candidate; replaces the oldest one if there is no room. */
static void
keep(struct log_candidates *found, const char *name, unsigned pattern, const struct stat *st)
{
	int64_t changed_ms = log_directory_changed_ms(st);
	size_t at = found->count;

	if (at == found->max) {
		at = 0;
		for (size_t i = 1; i < found->max; i++)
			if (found->items[i].changed_ms < found->items[at].changed_ms)
				at = i;
		if (found->items[at].changed_ms >= changed_ms)
			return;
	} else {
		found->count++;
	}
	struct log_candidate *c = &found->items[at];
	c->changed_ms = changed_ms;
	c->device = st->st_dev;
	c->inode = st->st_ino;
	c->pattern = pattern;
	memcpy(c->name, name, strlen(name) + 1);
}

static bool
is_known(const struct log_candidates *found, const struct stat *st)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].inode == st->st_ino && found->items[i].device == st->st_dev)
			return true;
	return false;
}

bool
log_directory_list(DIR *directory, const char *name_pattern, unsigned pattern,
		   struct log_candidates *found)
{
	const struct dirent *entry;
	struct stat st;

	for (size_t i = 0; i < ENTRIES_PER_PIECE; i++) {
		entry = readdir(directory);
		if (entry == NULL || found->seen++ == LOG_DIRECTORY_ENTRIES_MAX)
			return true;
		if ((entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) ||
		    fnmatch(name_pattern, entry->d_name, FNM_PERIOD) != 0 ||
		    fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode) || is_known(found, &st))
			continue;
		keep(found, entry->d_name, pattern, &st);
	}
	return false;
}
