/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of batches: the adding thread fills the newest, writers take the next full one, and the
 * oldest are handed back once written. When the ring is full, the adding thread writes as well. A
 * batch holds consecutive files, mostly of one folder, which is opened once.
 */
#include "clone/checkout/files_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "base/process/thread.h"

#define BATCHES	    16u
#define BATCH_FILES 32u
#define BATCH_BYTES (1024u * 1024u)
#define WRITERS_MAX 4u
/* Bytes queued at a time, in addition to one file of any size. */
#define BYTES_MAX  (16u * 1024u * 1024u)
#define COPY_BYTES (8u * 1024u * 1024u)
#define TICK_MS	   500u

struct batch {
	struct file files[BATCH_FILES];
	size_t count;
	size_t bytes;
	bool is_done;
};

/* The folder that a thread has open. */
struct open_folder {
	int root;
	int fd;			    /* -1: none */
	char folder[PATH_MAX];	    /* with a trailing slash; "": the root */
	struct files_writer *adder; /* not NULL: used by the adding thread of this writer */
};

struct files_writer {
	int root;
	files_writer_done_fn *done;
	files_writer_tick_fn *tick;
	void *arg;
	struct batch ring[BATCHES];
	/* Total numbers of batches: handed back <= taken <= queued <= handed back + BATCHES. */
	size_t back, taken, queued;
	size_t bytes; /* queued in the ring; used by the adding thread only, like place */
	struct open_folder place;
	bool is_broken; /* a file could not be written; used by the adding thread only */
	pthread_mutex_t lock;
	pthread_cond_t has_work;
	pthread_cond_t has_room;
	bool is_ending;
	bool failed;
	struct clone_failure failure;
	unsigned threads_count;
	pthread_t threads[WRITERS_MAX];
};

static void
place_leave(struct open_folder *p)
{
	if (p->fd >= 0 && p->fd != p->root)
		close(p->fd);
	p->fd = -1;
}

/* Opens one component at a time, so that no link is followed. */
static bool
place_enter(struct open_folder *p, const char *path, size_t len)
{
	char part[NAME_MAX + 1];
	size_t at = 0;

	if (p->fd >= 0 && strncmp(p->folder, path, len) == 0 && p->folder[len] == '\0')
		return true;
	place_leave(p);
	p->fd = p->root;
	while (at < len) {
		size_t size = strcspn(path + at, "/");
		int above = p->fd;

		if (size > NAME_MAX) {
			errno = ENAMETOOLONG;
			return false;
		}
		memcpy(part, path + at, size);
		part[size] = '\0';
		p->fd = openat(above, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (above != p->root)
			close(above);
		if (p->fd < 0)
			return false;
		at += size + 1;
	}
	memcpy(p->folder, path, len);
	p->folder[len] = '\0';
	return true;
}

/* Copies within the kernel, which shares blocks if the file system can. Returns 0 at the end, -1
 * with errno. */
static ssize_t
copy_piece(int from, int to)
{
	ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_BYTES, 0);

	if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP))
		n = sendfile(to, from, NULL, COPY_BYTES);
	return n;
}

/* Copies a file and sets its time two seconds back: git compares the content of files that are as
 * new as its index, which costs a run of git-lfs for LFS files. */
static bool
copy_source(int fd, struct file *f, struct files_writer *adder)
{
	int from = open(f->source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = 0}};
	ssize_t n = from < 0 ? -1 : 1;

	while (n > 0) {
		n = copy_piece(from, fd);
		if (n > 0 && adder != NULL && !adder->tick(adder->arg)) {
			errno = ECANCELED;
			n = -1;
		}
	}
	fd_close(from);
	clock_gettime(CLOCK_REALTIME, &times[1]);
	times[1].tv_sec -= 2;
	return n == 0 && futimens(fd, times) == 0;
}

static bool
write_regular(struct open_folder *p, const char *name, struct file *f)
{
	int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			f->mode & 07777);
	bool ok = fd >= 0 &&
		  (f->source != NULL ? copy_source(fd, f, p->adder)
				     : fd_write_all(fd, (struct str){f->data, f->len})) &&
		  fstat(fd, &f->stat) == 0;

	if (fd >= 0 && close(fd) < 0)
		ok = false;
	return ok;
}

static bool
write_link(int folder, const char *name, struct file *f, struct clone_failure *failure)
{
	char target[PATH_MAX];
	/* As git: the target ends at the first NUL. */
	size_t len = f->len == 0 ? 0 : strnlen(f->data, f->len);

	if (len == 0 || len >= sizeof(target))
		return failure_set(failure, CLONE_PROBLEM_REFUSED,
				   "%.200s is a symbolic link with an invalid target", f->path);
	memcpy(target, f->data, len);
	target[len] = '\0';
	return symlinkat(target, folder, name) == 0 &&
	       fstatat(folder, name, &f->stat, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
make_folder(int folder, const char *name, struct file *f)
{
	return mkdirat(folder, name, 0777) == 0 &&
	       fstatat(folder, name, &f->stat, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
write_named(struct open_folder *p, const char *name, struct file *f, struct clone_failure *failure)
{
	if (S_ISDIR(f->mode))
		return make_folder(p->fd, name, f);
	return S_ISLNK(f->mode) ? write_link(p->fd, name, f, failure) : write_regular(p, name, f);
}

static bool
write_one(struct open_folder *p, struct file *f, struct clone_failure *failure)
{
	const char *slash = strrchr(f->path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - f->path) + 1;
	bool ok = place_enter(p, f->path, len) && write_named(p, f->path + len, f, failure);

	return ok || failure_set_errno(failure, errno, "write %.200s", f->path);
}

static void
write_batch(struct files_writer *w, struct open_folder *p, struct batch *b)
{
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};
	bool ok = true;

	for (size_t i = 0; ok && i < b->count; i++)
		ok = write_one(p, &b->files[i], &failure);
	pthread_mutex_lock(&w->lock);
	b->is_done = true;
	if (!ok && !w->failed) {
		w->failed = true;
		w->failure = failure;
	}
	pthread_cond_signal(&w->has_room);
	pthread_mutex_unlock(&w->lock);
}

/* Takes the next batch. Called with the lock. */
static struct batch *
take(struct files_writer *w)
{
	return w->taken < w->queued ? &w->ring[w->taken++ % BATCHES] : NULL;
}

static void *
run(void *arg)
{
	struct files_writer *w = arg;
	struct open_folder place = {.root = w->root, .fd = -1};
	struct batch *b;

	for (;;) {
		pthread_mutex_lock(&w->lock);
		while (w->taken == w->queued && !w->is_ending)
			pthread_cond_wait(&w->has_work, &w->lock);
		b = take(w);
		pthread_mutex_unlock(&w->lock);
		if (b == NULL)
			break;
		write_batch(w, &place, b);
	}
	place_leave(&place);
	return NULL;
}

struct files_writer *
files_writer_new(int root, unsigned threads, files_writer_done_fn *done, files_writer_tick_fn *tick,
		 void *arg)
{
	struct files_writer *w = calloc(1, sizeof(*w));
	struct err e = ERR_INIT;

	if (w == NULL)
		return NULL;
	w->root = root;
	w->done = done;
	w->tick = tick;
	w->arg = arg;
	w->place = (struct open_folder){.root = root, .fd = -1, .adder = w};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->has_work, NULL);
	thread_condition_init(&w->has_room);
	/* Fewer threads than requested, even none, are acceptable. */
	while (w->threads_count < threads && w->threads_count < WRITERS_MAX &&
	       thread_start(&w->threads[w->threads_count], run, w, &e))
		w->threads_count++;
	return w;
}

static void
hand_back(struct files_writer *w, struct batch *b, bool is_written)
{
	for (size_t i = 0; i < b->count; i++) {
		w->done(&b->files[i], is_written, w->arg);
		w->bytes -= b->files[i].len;
		free(b->files[i].path);
	}
	b->count = b->bytes = 0;
	b->is_done = false;
}

/* Returns the oldest batch to the ring if it is written. Called with the lock, which it releases
 * meanwhile. */
static bool
hand_back_oldest(struct files_writer *w)
{
	struct batch *oldest = &w->ring[w->back % BATCHES];

	if (w->back == w->queued || !oldest->is_done)
		return false;
	pthread_mutex_unlock(&w->lock);
	hand_back(w, oldest, true);
	pthread_mutex_lock(&w->lock);
	w->back++;
	return true;
}

/* Waits for room in the ring. Called with the lock, which it releases meanwhile. */
static void
wait_for_room(struct files_writer *w)
{
	bool goes_on = true;

	if (!thread_wait(&w->has_room, &w->lock, TICK_MS)) {
		pthread_mutex_unlock(&w->lock);
		goes_on = w->tick(w->arg);
		pthread_mutex_lock(&w->lock);
	}
	if (goes_on || w->failed)
		return;
	w->failed = true;
	failure_set(&w->failure, CLONE_PROBLEM_INTERNAL, "stopped");
}

/* Waits until at most `left` batches remain, and helps to write them. False: a file could not be
 * written. */
static bool
wait_until(struct files_writer *w, size_t left, struct clone_failure *f)
{
	bool ok;

	pthread_mutex_lock(&w->lock);
	while (!w->failed) {
		struct batch *mine;

		if (hand_back_oldest(w))
			continue;
		if (w->queued - w->back <= left)
			break;
		mine = take(w);
		if (mine == NULL) {
			wait_for_room(w);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		write_batch(w, &w->place, mine);
		pthread_mutex_lock(&w->lock);
	}
	ok = !w->failed;
	w->is_broken = !ok;
	if (!ok)
		failure_set(f, w->failure.problem, "%s", w->failure.detail.text);
	pthread_mutex_unlock(&w->lock);
	return ok;
}

static void
queue(struct files_writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->queued++;
	pthread_cond_signal(&w->has_work);
	pthread_mutex_unlock(&w->lock);
}

bool
files_writer_add(struct files_writer *w, const struct file *file, struct clone_failure *f)
{
	/* The batch being filled is not shared with other threads. */
	struct batch *b = &w->ring[w->queued % BATCHES];

	if (w->is_broken) {
		w->done(file, false, w->arg);
		free(file->path);
		return false;
	}
	b->files[b->count++] = *file;
	b->bytes += file->len;
	w->bytes += file->len;
	if (b->count < BATCH_FILES && b->bytes < BATCH_BYTES)
		return true;
	queue(w);
	return wait_until(w, w->threads_count == 0 || w->bytes > BYTES_MAX ? 0 : BATCHES - 1, f);
}

bool
files_writer_end(struct files_writer *w, struct clone_failure *f)
{
	if (!w->is_broken && w->ring[w->queued % BATCHES].count > 0)
		queue(w);
	return wait_until(w, 0, f);
}

void
files_writer_free(struct files_writer *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->is_ending = true;
	w->queued = w->taken;
	pthread_cond_broadcast(&w->has_work);
	pthread_mutex_unlock(&w->lock);
	while (w->threads_count > 0)
		pthread_join(w->threads[--w->threads_count], NULL);
	for (size_t i = 0; i < BATCHES; i++)
		hand_back(w, &w->ring[(w->back + i) % BATCHES], false);
	place_leave(&w->place);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->has_work);
	pthread_cond_destroy(&w->has_room);
	free(w);
}
