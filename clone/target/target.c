/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inspects the target directory, manages the temporary directory and moves the finished clone into
 * place.
 *
 * A temporary directory is named .<name>.workspace-proxy-clone-XXXXXX. It contains the marker
 * (locked by its owner), "tree" (the clone) and, while files are being moved into the target, their
 * journal (clone/target/target_move.h). The marker is created first and removed last, so that a
 * later run recognizes the directory at any moment.
 */
#include "clone/target/target.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "clone/target/target_move.h"
#include "clone/target/tree.h"

#define INFIX	      ".workspace-proxy-clone-"
#define RANDOM_LEN    6u
#define NAME_PART_MAX 128 /* bytes of the target's name in the temporary name */
#define MARKER	      "workspace-proxy-clone"

static const char *
name_of(const char *dir)
{
	return strrchr(dir, '/') + 1;
}

static bool
is_temporary_name(const char *entry, const char *dir)
{
	char prefix[NAME_MAX + 1];
	int len = snprintf(prefix, sizeof(prefix), ".%.*s" INFIX, NAME_PART_MAX, name_of(dir));

	return strncmp(entry, prefix, (size_t)len) == 0 &&
	       strspn(entry + len, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789") == RANDOM_LEN &&
	       entry[(size_t)len + RANDOM_LEN] == '\0';
}

static bool
is_nothing(int fd, const char *entry)
{
	struct stat st;

	if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
		return true;
	return strcmp(entry, "lost+found") == 0 &&
	       fstatat(fd, entry, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static enum target_kind
look_into(int fd, DIR *dir)
{
	const struct dirent *entry;
	struct stat st;

	if (fstatat(fd, ".git", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		return TARGET_REPOSITORY;
	while ((entry = readdir(dir)) != NULL) {
		if (!is_nothing(fd, entry->d_name))
			return TARGET_OCCUPIED;
	}
	return TARGET_EMPTY;
}

bool
target_inspect(const char *dir, enum target_kind *kind, struct clone_failure *f)
{
	int fd = tree_open(AT_FDCWD, dir);
	DIR *stream;

	if (fd < 0 && errno == ENOENT) {
		*kind = TARGET_ABSENT;
		return true;
	}
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		*kind = TARGET_OCCUPIED;
		return true;
	}
	if (fd < 0)
		return failure_set_errno(f, errno, "open %s", dir);
	stream = fdopendir(fd);
	if (stream == NULL) {
		close(fd);
		return failure_set_errno(f, errno, "read %s", dir);
	}
	*kind = look_into(fd, stream);
	closedir(stream);
	return true;
}

/* Removes our files from the temporary directory fd; it stays if it contains files of others. */
static void
remove_temporary(int holder, const char *name, int fd)
{
	if (!target_move_clean_up(fd))
		return;
	(void)unlinkat(fd, MARKER, 0);
	(void)unlinkat(holder, name, AT_REMOVEDIR);
}

/* Removes a temporary directory of an earlier run: it must belong to our user and hold an unlocked
 * marker. Without a marker it is removed only if it is empty. */
static bool
sweep_one(int holder, const char *name, bool is_target, struct clone_failure *f)
{
	int fd = tree_open(holder, name);
	int marker = -1;
	struct stat st;
	bool ok = true;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid())
		goto cleanup;
	marker = openat(fd, MARKER, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (marker < 0) {
		(void)unlinkat(holder, name, AT_REMOVEDIR);
		goto cleanup;
	}
	if (fstat(marker, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    flock(marker, LOCK_EX | LOCK_NB) < 0)
		goto cleanup;
	ok = !is_target || target_move_resume(fd, holder, f);
	if (ok)
		remove_temporary(holder, name, fd);
cleanup:
	fd_close(marker);
	fd_close(fd);
	return ok;
}

/* Removes leftovers in `path`, which is the target itself or its parent. */
static bool
sweep(const char *path, const char *dir, struct clone_failure *f)
{
	DIR *stream = tree_list(AT_FDCWD, path);
	const struct dirent *entry;
	bool ok = true;

	if (stream == NULL)
		return true;
	while (ok && (entry = readdir(stream)) != NULL) {
		if (is_temporary_name(entry->d_name, dir))
			ok = sweep_one(dirfd(stream), entry->d_name, strcmp(path, dir) == 0, f);
	}
	closedir(stream);
	return ok;
}

static bool
is_mount_point(const char *dir, const char *parent)
{
	struct statx sx;
	struct stat a;
	struct stat b;

	if (statx(AT_FDCWD, dir, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx) == 0 &&
	    (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
		return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	return lstat(dir, &a) < 0 || stat(parent, &b) < 0 || a.st_dev != b.st_dev;
}

/* Whether an empty directory must be kept: a mount point, or one that we may not replace. */
static bool
must_stay(struct target *t, const char *parent)
{
	struct stat st;

	if (lstat(t->dir, &st) < 0 || st.st_uid != geteuid() || st.st_gid != getegid() ||
	    st.st_nlink > 2 || is_mount_point(t->dir, parent) ||
	    faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) < 0)
		return true;
	t->mode = st.st_mode & 07777;
	return false;
}

static bool
make_parents(struct target *t, struct clone_failure *f)
{
	for (char *slash = strchr(t->parent_dir + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(t->parent_dir, 0777) == 0 && t->created_len == 0)
			t->created_len = strlen(t->parent_dir);
		else if (errno != EEXIST && access(t->parent_dir, F_OK) < 0)
			return failure_set_errno(f, errno, "create %s", t->parent_dir);
		if (slash == NULL)
			return true;
		*slash = '/';
	}
}

static bool
make_temporary(struct target *t, struct clone_failure *f)
{
	char *path = NULL;

	if (asprintf(&path, "%s/.%.*s" INFIX "XXXXXX",
		     strcmp(t->parent_dir, "/") == 0 ? "" : t->parent_dir, NAME_PART_MAX,
		     name_of(t->dir)) < 0)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	if (mkdtemp(path) == NULL) {
		failure_set_errno(f, errno, "create a directory in %s", t->parent_dir);
		free(path);
		return false;
	}
	t->temporary = path;
	t->temporary_fd = tree_open(AT_FDCWD, path);
	if (asprintf(&t->tree, "%s/" TARGET_MOVE_TREE, path) < 0)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	t->lock_fd = openat(t->temporary_fd, MARKER,
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->lock_fd < 0 || mkdirat(t->temporary_fd, TARGET_MOVE_TREE, 0777) < 0)
		return failure_set_errno(f, errno, "prepare %s", path);
	/* Without locks on this file system a later run can't tell a leftover from a live clone,
	 * and keeps both. */
	(void)flock(t->lock_fd, LOCK_EX | LOCK_NB);
	return true;
}

static bool
set_paths(struct target *t, const char *dir, struct clone_failure *f)
{
	struct str path = str_from(dir);
	const char *name;

	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	if (path.len < 2 || path.data[0] != '/')
		return failure_set(f, CLONE_PROBLEM_REFUSED,
				   "\"%s\" is not usable as a clone directory", dir);
	t->dir = str_dup(path);
	if (t->dir == NULL)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	name = name_of(t->dir);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return failure_set(f, CLONE_PROBLEM_REFUSED,
				   "\"%s\" is not usable as a clone directory", dir);
	t->parent_dir =
		str_dup(str_take(path, name - t->dir == 1 ? 1 : (size_t)(name - t->dir) - 1));
	return t->parent_dir != NULL || failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
}

bool
target_init(struct target *t, const char *dir, enum target_kind *kind, struct clone_failure *f)
{
	*t = (struct target){.lock_fd = -1};
	*kind = TARGET_OCCUPIED;
	if (!set_paths(t, dir, f) || !sweep(t->parent_dir, t->dir, f) ||
	    !sweep(t->dir, t->dir, f) || !target_inspect(t->dir, kind, f))
		return false;
	if (*kind == TARGET_REPOSITORY || *kind == TARGET_OCCUPIED)
		return true;
	if (*kind == TARGET_ABSENT && !make_parents(t, f))
		return false;
	if (*kind == TARGET_EMPTY && must_stay(t, t->parent_dir)) {
		t->is_inside = true;
		free(t->parent_dir);
		t->parent_dir = str_dup(str_from(t->dir));
		if (t->parent_dir == NULL)
			return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	}
	return make_temporary(t, f);
}

char *
target_base(const struct target *t)
{
	struct str holder = str_from(t->parent_dir);
	char *base = str_dup(t->created_len == 0 ? holder : str_take(holder, t->created_len));

	/* Remembers the directory for removal on failure. */
	if (base != NULL && t->created_len > 0)
		(void)dirname(base); /* in place; the path is absolute */
	return base;
}

bool
target_set_group(struct target *t, gid_t group, struct clone_failure *f)
{
	int tree = tree_open(t->temporary_fd, TARGET_MOVE_TREE);
	struct stat st;
	bool ok = tree >= 0 && fstat(tree, &st) == 0 && fchown(tree, (uid_t)-1, group) == 0 &&
		  fchmod(tree, (st.st_mode & 07777) | S_ISGID) == 0;

	if (!ok)
		failure_set_errno(f, errno, "give the clone to group %u", (unsigned)group);
	fd_close(tree);
	t->has_group = ok;
	return ok;
}

bool
target_share(struct target *t, mode_t mask, struct clone_failure *f)
{
	return tree_share(t->temporary_fd, TARGET_MOVE_TREE, mask) ||
	       failure_set_errno(f, errno, "set permissions");
}

bool
target_clear(struct target *t, struct clone_failure *f)
{
	struct stat st;
	int tree;
	bool ok = fstatat(t->temporary_fd, TARGET_MOVE_TREE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		  tree_remove(t->temporary_fd, TARGET_MOVE_TREE) &&
		  mkdirat(t->temporary_fd, TARGET_MOVE_TREE, 0777) == 0;

	if (ok && t->has_group) {
		tree = tree_open(t->temporary_fd, TARGET_MOVE_TREE);
		ok = tree >= 0 && fchown(tree, (uid_t)-1, st.st_gid) == 0 &&
		     fchmod(tree, st.st_mode & 07777) == 0;
		fd_close(tree);
	}
	return ok || failure_set_errno(f, errno, "empty %s", t->tree);
}

static bool
commit_inside(struct target *t, struct clone_failure *f)
{
	int holder = tree_open(AT_FDCWD, t->parent_dir);
	bool ok;

	if (holder < 0)
		return failure_set_errno(f, errno, "open %s", t->dir);
	ok = target_move_run(t->temporary_fd, holder, f);
	close(holder);
	return ok;
}

/* Syncs the directory, so that the new name is durable. Not every file system supports it. */
static void
sync_directory(const char *path)
{
	int fd = tree_open(AT_FDCWD, path);

	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* rename(2) of a directory atomically replaces an empty directory, and nothing else. */
static bool
commit_beside(struct target *t, int tree, struct clone_failure *f)
{
	mode_t handed_on = t->has_group ? S_ISGID : 0;

	if (t->mode != 0 && fchmod(tree, t->mode | handed_on) < 0)
		return failure_set_errno(f, errno, "set the mode of %s", t->tree);
	if (renameat(t->temporary_fd, TARGET_MOVE_TREE, AT_FDCWD, t->dir) == 0) {
		sync_directory(t->parent_dir);
		return true;
	}
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return failure_set(f, CLONE_PROBLEM_NOT_EMPTY, "%s is no longer empty", t->dir);
	return failure_set_errno(f, errno, "rename to %s", t->dir);
}

bool
target_commit(struct target *t, struct clone_failure *f)
{
	int tree = tree_open(t->temporary_fd, TARGET_MOVE_TREE);
	bool ok;

	if (tree < 0)
		return failure_set_errno(f, errno, "open %s", t->tree);
	/* After a power failure no name may lead to incomplete files. syncfs(2) reports failed
	 * writes only for descriptors that were open before them, so lock_fd is opened early. */
	ok = syncfs(t->lock_fd) == 0 || failure_set_errno(f, errno, "sync %s", t->tree);
	if (ok)
		ok = t->is_inside ? commit_inside(t, f) : commit_beside(t, tree, f);
	if (ok)
		t->created_len = 0;
	close(tree);
	return ok;
}

static void
remove_parents(struct target *t)
{
	char *path = t->is_inside ? NULL : t->parent_dir;

	while (path != NULL && t->created_len > 0 && strlen(path) >= t->created_len) {
		if (rmdir(path) < 0)
			return;
		*strrchr(path, '/') = '\0';
	}
}

void
target_fini(struct target *t)
{
	if (t->temporary != NULL && t->temporary_fd >= 0) {
		remove_temporary(AT_FDCWD, t->temporary, t->temporary_fd);
		close(t->temporary_fd);
	}
	if (t->parent_dir != NULL)
		remove_parents(t);
	fd_close(t->lock_fd);
	free(t->tree);
	free(t->temporary);
	free(t->parent_dir);
	free(t->dir);
	*t = (struct target){.lock_fd = -1};
}
