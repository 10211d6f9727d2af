/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes directory trees without following links, with a bounded number of open descriptors
 * whatever the depth.
 */
#include "clone/target/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"

/* Each level needs two descriptors. Deeper directories are first moved up to the top. */
#define DEPTH_MAX 16u

int
tree_open(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

DIR *
tree_list(int at, const char *name)
{
	int fd = tree_open(at, name);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && dir == NULL)
		close(fd);
	return dir;
}

bool
tree_is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

struct removal {
	int top;
	unsigned raised; /* number of directories moved to the top, used for their names */
};

static bool remove_children(struct removal *r, int fd, unsigned depth);

/* Renames a directory to the top. If the new name is taken by a non-empty directory, tries the next
 * name. */
static bool
raise_directory(struct removal *r, int at, const char *name)
{
	char raised[64];

	do {
		snprintf(raised, sizeof(raised), "raised-%u", r->raised++);
		if (renameat(at, name, r->top, raised) == 0)
			return true;
	} while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
	return false;
}

static bool
remove_directory(struct removal *r, int at, const char *name, unsigned depth)
{
	int fd;
	bool ok;

	if (depth >= DEPTH_MAX)
		return raise_directory(r, at, name);
	fd = tree_open(at, name);
	if (fd < 0)
		return errno == ENOENT;
	ok = remove_children(r, fd, depth + 1);
	close(fd);
	return ok && (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

static bool
remove_entry(struct removal *r, int at, const char *name, unsigned depth)
{
	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return true;
	/* Linux returns EISDIR for a directory, POSIX specifies EPERM. */
	if (errno != EISDIR && errno != EPERM)
		return false;
	return remove_directory(r, at, name, depth);
}

static bool
remove_children(struct removal *r, int fd, unsigned depth)
{
	DIR *dir = tree_list(fd, ".");
	const struct dirent *entry;
	bool ok = dir != NULL;

	while (ok && (entry = readdir(dir)) != NULL) {
		if (!tree_is_dot(entry->d_name))
			ok = remove_entry(r, fd, entry->d_name, depth);
	}
	if (dir != NULL)
		closedir(dir);
	return ok;
}

bool
tree_remove(int at, const char *name)
{
	struct removal r = {.raised = 0};
	bool ok = true;
	int saved;

	r.top = tree_open(at, name);
	if (r.top < 0)
		return errno == ENOENT;
	/* Each round removes DEPTH_MAX levels of what the previous round moved up. */
	do {
		r.raised = 0;
		ok = remove_children(&r, r.top, 0);
	} while (ok && r.raised > 0);
	saved = errno;
	close(r.top);
	errno = saved;
	return ok && (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

/* fts has changed the working directory to the entry's parent. An entry that has become a link is
 * an error. */
static bool
share_entry(const FTSENT *entry, mode_t mask)
{
	mode_t mode = entry->fts_statp->st_mode & 07777;
	mode_t owner = mode & 0700;
	mode_t wanted = mode | (((owner >> 3) | (owner >> 6)) & ~mask);

	return wanted == mode ||
	       fchmodat(AT_FDCWD, entry->fts_accpath, wanted, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
share_here(const char *name, mode_t mask)
{
	char *root = strdup(name);
	char *roots[] = {root, NULL};
	FTS *fts = root == NULL ? NULL : fts_open(roots, FTS_PHYSICAL | FTS_XDEV, NULL);
	const FTSENT *entry;
	bool ok = fts != NULL;

	while (ok && (errno = 0, entry = fts_read(fts)) != NULL) {
		if (entry->fts_info == FTS_F || entry->fts_info == FTS_D)
			ok = share_entry(entry, mask);
		else if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR)
			ok = false;
	}
	ok = ok && errno == 0;
	if (fts != NULL)
		(void)fts_close(fts);
	free(root);
	return ok;
}

bool
tree_share(int at, const char *name, mode_t mask)
{
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool ok = before >= 0 && (at == AT_FDCWD || fchdir(at) == 0) && share_here(name, mask);
	int saved = errno;

	if (before >= 0 && fchdir(before) < 0)
		ok = false;
	fd_close(before);
	errno = saved;
	return ok;
}
