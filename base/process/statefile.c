/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces a file atomically: a new file beside the old one, fsync, rename, fsync of the directory.
 * Each replacement runs in its own thread. The thread touches only the file's bytes, its
 * descriptors and its own result, allocates nothing, and wakes the loop through an eventfd. The
 * loop starts it, because a process must have no threads until it is restricted
 * (base/process/sandbox).
 */
#include "base/process/statefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "base/process/fd.h"
#include "base/process/thread.h"

#define THREAD_STACK_BYTES (256u * 1024)
#define READ_BYTES	   65536u

struct statefile {
	int directory;
	int lock;
	int wake;
	struct loop_io io;
	char name[STATEFILE_NAME_MAX + 1];
	char fresh[STATEFILE_NAME_MAX + 8];
	statefile_done_fn *done;
	void *arg;
	bool is_busy;
	bool is_asked; /* the loop has not been told yet */
	bool has_thread;
	pthread_t thread;
	struct buf content; /* result of the current replacement */
	bool ok;
	struct err result;
};

static bool
write_fresh(struct statefile *f, struct err *e)
{
	int fd;
	bool ok;

	/* A killed process may have left this file behind, or another user created it. */
	(void)unlinkat(f->directory, f->fresh, 0);
	fd = openat(f->directory, f->fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return err_set_errno(e, errno, "create %s", f->fresh);
	ok = fd_write_all(fd, buf_view(&f->content)) || err_set_errno(e, errno, "write");
	if (ok && fsync(fd) != 0)
		ok = err_set_errno(e, errno, "fsync");
	if (close(fd) != 0 && ok)
		ok = err_set_errno(e, errno, "close");
	return ok;
}

static bool
replace(struct statefile *f, struct err *e)
{
	bool ok = write_fresh(f, e);

	if (ok && renameat(f->directory, f->fresh, f->directory, f->name) != 0)
		ok = err_set_errno(e, errno, "rename to %s", f->name);
	if (!ok) {
		(void)unlinkat(f->directory, f->fresh, 0);
		return false;
	}
	/* Some file systems can't sync a directory; the rename works anyway. */
	(void)fsync(f->directory);
	return true;
}

static void
wake_up(const struct statefile *f)
{
	const uint64_t one = 1;

	while (write(f->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *
run_thread(void *arg)
{
	struct statefile *f = arg;

	f->ok = replace(f, &f->result);
	wake_up(f);
	return NULL;
}

static void
begin(struct statefile *f)
{
	f->is_asked = false;
	f->has_thread = thread_start_small(&f->thread, THREAD_STACK_BYTES, run_thread, f);
	if (!f->has_thread)
		(void)run_thread(f); /* write in this thread: slow is better than not at all */
}

static void
join(struct statefile *f)
{
	if (f->has_thread)
		err_assert(pthread_join(f->thread, NULL) == 0);
	f->has_thread = false;
	f->is_busy = false;
	buf_wipe_fini(&f->content);
}

static void
on_wake(void *arg, unsigned ready)
{
	struct statefile *f = arg;
	uint64_t count;
	struct err e;
	bool ok;

	(void)ready;
	if (read(f->wake, &count, sizeof(count)) < 0 || !f->is_busy)
		return;
	if (f->is_asked) {
		begin(f);
		return;
	}
	join(f);
	e = f->result;
	ok = f->ok;
	f->done(ok ? NULL : &e, f->arg);
}

void
statefile_replace(struct statefile *f, struct buf *content)
{
	err_assert(!f->is_busy);
	f->content = *content;
	buf_init(content, content->max);
	f->is_busy = true;
	f->is_asked = true;
	err_clear(&f->result);
	wake_up(f);
}

bool
statefile_is_busy(const struct statefile *f)
{
	return f->is_busy;
}

/* Locks the file: two processes that use it would overwrite each other's changes. */
static bool
take_lock(struct statefile *f, struct err *e)
{
	char name[STATEFILE_NAME_MAX + 8];

	(void)snprintf(name, sizeof(name), "%s.lock", f->name);
	f->lock = openat(f->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->lock < 0)
		return err_set_errno(e, errno, "create %s", name);
	/* Some network file systems have no locks; continue without one. */
	if (flock(f->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return err_set(e, ERR_CONFIG, "%s is locked by another process", f->name);
	return true;
}

static bool
open_all(struct statefile *f, const struct statefile_options *options, struct err *e)
{
	f->directory = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->directory < 0)
		return err_set_errno(e, errno, "open %s", options->directory);
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake < 0)
		return err_set_errno(e, errno, "eventfd");
	return take_lock(f, e);
}

static void
close_all(struct statefile *f)
{
	const int fds[] = {f->directory, f->wake, f->lock};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		fd_close(fds[i]);
	}
	free(f);
}

struct statefile *
statefile_open(struct loop *l, const struct statefile_options *options, struct err *e)
{
	struct statefile *f = err_alloc(e, sizeof(*f), "state file");

	if (f == NULL)
		return NULL;
	err_assert(strlen(options->name) <= STATEFILE_NAME_MAX);
	f->directory = f->wake = f->lock = -1;
	f->done = options->done;
	f->arg = options->arg;
	(void)snprintf(f->name, sizeof(f->name), "%s", options->name);
	(void)snprintf(f->fresh, sizeof(f->fresh), "%s.new", options->name);
	if (!open_all(f, options, e)) {
		close_all(f);
		return NULL;
	}
	loop_io_init(&f->io, l, f->wake, on_wake, f);
	loop_io_want(&f->io, LOOP_READ);
	return f;
}

void
statefile_close(struct statefile *f, struct buf *last)
{
	struct err e = ERR_INIT;

	if (f == NULL)
		return;
	if (f->is_asked)
		(void)run_thread(f);
	join(f);
	loop_io_fini(&f->io);
	if (last != NULL && last->len > 0) {
		f->content = *last;
		buf_init(last, last->max);
		if (!replace(f, &e))
			log_warn(NULL, "state not stored", log_cstr("file", f->name), log_err(&e));
		buf_wipe_fini(&f->content);
	}
	close_all(f);
}

static bool
read_all(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		ssize_t n;

		if (out->max - out->len < READ_BYTES || !buf_reserve(out, READ_BYTES))
			return err_set(e, ERR_LIMIT, "larger than allowed");
		n = read(fd, out->data + out->len, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read");
		if (n == 0)
			return true;
		out->len += (size_t)n;
	}
}

bool
statefile_read(const struct statefile *f, struct buf *out, struct err *e)
{
	struct stat st;
	int fd = openat(f->directory, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ok;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "no %s", f->name);
	if (fd < 0)
		return err_set_errno(e, errno, "open %s", f->name);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		ok = err_set(e, ERR_PROTOCOL, "%s is not a regular file", f->name);
	else
		ok = read_all(fd, out, e);
	(void)close(fd);
	return ok;
}

bool
statefile_set_aside(const struct statefile *f, char *aside, size_t size, struct err *e)
{
	char name[STATEFILE_NAME_MAX + 40];

	(void)snprintf(name, sizeof(name), "%s.corrupt-%" PRId64, f->name, clock_wall_s());
	if (renameat(f->directory, f->name, f->directory, name) != 0)
		return err_set_errno(e, errno, "rename to %s", name);
	if (aside != NULL)
		(void)snprintf(aside, size, "%s", name);
	return true;
}
