/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git's lock files: "name.lock" is written and then renamed to "name".
 *
 * While we hold a lock, our directory has a hard link "lock" to the same file, so that a run after
 * a kill can distinguish it from git's own and remove it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "clone/history/history.h"

#define LOCK		 "lock"
#define LOCK_TRIES	 20u
#define LOCK_INTERVAL_MS 50

/* Files that may be locked. */
static const char *const lockable[] = {"packed-refs", "shallow"};

bool
history_write(int fd, struct str text)
{
	return fd_write_all(fd, text) && fsync(fd) == 0;
}

static void
lock_name(char out[HISTORY_PATH_BYTES], const char *name)
{
	snprintf(out, HISTORY_PATH_BYTES, "%s.lock", name);
}

/* A killed run's lock has a hard link in its directory; git's own locks are left alone. */
void
history_drop_stale_lock(const struct history *h)
{
	char path[HISTORY_PATH_BYTES];
	struct stat ours;
	struct stat st;

	if (fstatat(h->mark_fd, LOCK, &ours, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	for (size_t i = 0; i < sizeof(lockable) / sizeof(lockable[0]); i++) {
		lock_name(path, lockable[i]);
		if (fstatat(h->git_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_ino == ours.st_ino && st.st_dev == ours.st_dev)
			(void)unlinkat(h->git_fd, path, 0);
	}
	(void)unlinkat(h->mark_fd, LOCK, 0);
}

/* Some file systems lack hard links; there a killed run's lock remains. */
static int
try_lock(const struct history *h, const char *path)
{
	bool is_held;
	int fd;

	(void)unlinkat(h->mark_fd, LOCK, 0);
	fd = openat(h->mark_fd, LOCK, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0 || linkat(h->mark_fd, LOCK, h->git_fd, path, 0) == 0)
		return fd;
	is_held = errno == EEXIST;
	close(fd);
	(void)unlinkat(h->mark_fd, LOCK, 0);
	errno = EEXIST;
	if (is_held)
		return -1;
	return openat(h->git_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
}

int
history_lock(const struct history *h, const char *name, struct clone_failure *f)
{
	char path[HISTORY_PATH_BYTES];
	int fd = -1;

	lock_name(path, name);
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		fd = try_lock(h, path);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			break;
		(void)poll(NULL, 0, LOCK_INTERVAL_MS);
	}
	if (errno == EEXIST) {
		failure_set(f, CLONE_PROBLEM_INTERNAL, "%s is locked by git", path);
		f->is_transient = true;
	} else {
		failure_set_errno(f, errno, "lock %s", name);
	}
	return -1;
}

void
history_unlock(const struct history *h, const char *name, int lock_fd)
{
	char path[HISTORY_PATH_BYTES];

	lock_name(path, name);
	(void)unlinkat(h->git_fd, path, 0);
	(void)unlinkat(h->mark_fd, LOCK, 0);
	close(lock_fd);
}

bool
history_replace(const struct history *h, const char *name, int lock_fd, struct str text,
		struct clone_failure *f)
{
	char path[HISTORY_PATH_BYTES];
	bool ok;

	lock_name(path, name);
	if (text.len == 0)
		ok = unlinkat(h->git_fd, name, 0) == 0 || errno == ENOENT;
	else
		ok = history_write(lock_fd, text) &&
		     renameat(h->git_fd, path, h->git_fd, name) == 0;
	if (!ok)
		failure_set_errno(f, errno, "write %s", name);
	if (!ok || text.len == 0) {
		history_unlock(h, name, lock_fd);
		return ok;
	}
	(void)unlinkat(h->mark_fd, LOCK, 0);
	close(lock_fd);
	(void)fsync(h->git_fd);
	return true;
}
