/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manages our directory in .git and moves packs into place; git_history.c merges refs and shallow
 * commits.
 *
 * The directory contains "due" until the very end, "repository", "packs" once that is complete, and
 * the lock files of history_lock.c.
 */
#include "clone/history/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "clone/target/tree.h"

#define MARK		"workspace-proxy-history"
#define DUE		"due"
#define REPOSITORY	"repository"
#define PACKS		"packs"
#define PACK_FOLDER	"objects/pack"
#define KEEP_TEXT	"workspace-proxy\n"
#define REMOTE_HEAD	"refs/remotes/origin/HEAD"
#define PACK_NAME_BYTES 40u
#define FILE_MAX_BYTES	(1024u * 1024u * 1024u)
#define PACKS_MAX_BYTES 65536u

bool
history_mark(const char *dir, struct clone_failure *f)
{
	char *path = NULL;
	int fd = -1;
	bool ok = asprintf(&path, "%s/.git/" MARK "/" DUE, dir) > 0;

	if (ok) {
		char *slash = strrchr(path, '/');

		*slash = '\0';
		ok = mkdir(path, 0777) == 0;
		*slash = '/';
	}
	if (ok)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		failure_set_errno(f, errno, "mark the history as pending");
	fd_close(fd);
	free(path);
	return fd >= 0;
}

/* Opens directories without following links. */
static bool
open_directories(struct history *h)
{
	h->git_fd = tree_open(AT_FDCWD, h->git);
	h->mark_fd = h->git_fd < 0 ? -1 : tree_open(h->git_fd, MARK);
	return h->mark_fd >= 0;
}

bool
history_is_due(const char *dir)
{
	struct history h = {.git_fd = -1, .mark_fd = -1};
	bool is_due = false;

	if (asprintf(&h.git, "%s/.git", dir) < 0)
		h.git = NULL;
	if (h.git != NULL && open_directories(&h)) {
		is_due = faccessat(h.mark_fd, DUE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
		/* An earlier run was killed during the final cleanup. */
		if (!is_due)
			(void)tree_remove(h.git_fd, MARK);
	}
	history_fini(&h);
	return is_due;
}

bool
history_init(struct history *h, const char *dir, struct clone_failure *f)
{
	*h = (struct history){.git_fd = -1, .mark_fd = -1};
	buf_init(&h->packs, PACKS_MAX_BYTES);
	if (asprintf(&h->git, "%s/.git", dir) < 0 ||
	    asprintf(&h->repository, "%s/" MARK "/" REPOSITORY, h->git) < 0)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	if (!open_directories(h))
		return failure_set_errno(f, errno, "open %s/" MARK, h->git);
	if (flock(h->mark_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "locked by another process");
	history_drop_stale_lock(h);
	if (!history_read(h->mark_fd, PACKS, &h->packs, f))
		return false;
	h->is_received = faccessat(h->mark_fd, PACKS, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return true;
}

void
history_fini(struct history *h)
{
	fd_close(h->mark_fd);
	fd_close(h->git_fd);
	buf_fini(&h->packs);
	free(h->repository);
	free(h->git);
	*h = (struct history){.git_fd = -1, .mark_fd = -1};
}

bool
history_read(int directory, const char *name, struct buf *out, struct clone_failure *f)
{
	char piece[65536];
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT || failure_set_errno(f, errno, "open %s", name);
	while (n > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			failure_set_errno(f, errno, "read %s", name);
		else if (n > 0 &&
			 (out->len + (size_t)n > FILE_MAX_BYTES || !buf_add(out, piece, (size_t)n)))
			n = -1;
	}
	close(fd);
	return n == 0 || failure_set(f, CLONE_PROBLEM_INTERNAL, "%s is too large", name);
}

static bool
write_file(int directory, const char *name, struct str text)
{
	int fd =
		openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int saved;
	bool ok;

	if (fd < 0)
		return false;
	ok = history_write(fd, text);
	saved = errno;
	if (close(fd) < 0 && ok) {
		saved = errno;
		ok = false;
	}
	if (!ok)
		(void)unlinkat(directory, name, 0);
	errno = saved;
	return ok;
}

static bool
next_pack(struct str *rest, struct str *name)
{
	return rest->len > 0 && str_next(rest, '\n', name) && name->len == PACK_NAME_BYTES;
}

static void
pack_file(char out[HISTORY_PATH_BYTES], struct str name, const char *suffix)
{
	snprintf(out, HISTORY_PATH_BYTES, "pack-%.*s.%s", STR_FMT(name), suffix);
}

static void
drop_keep(int folder, struct str name)
{
	struct clone_failure ignored = {.problem = CLONE_PROBLEM_NONE};
	char path[HISTORY_PATH_BYTES];
	struct buf text;

	pack_file(path, name, "keep");
	buf_init(&text, sizeof(KEEP_TEXT));
	if (history_read(folder, path, &text, &ignored) &&
	    str_equal(buf_view(&text), STR(KEEP_TEXT)))
		(void)unlinkat(folder, path, 0);
	buf_fini(&text);
}

static int
open_pack_folder(const struct history *h)
{
	return openat(h->git_fd, PACK_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
drop_keeps(const struct history *h)
{
	struct str rest = buf_view(&h->packs);
	int folder = open_pack_folder(h);
	struct str name;

	while (folder >= 0 && next_pack(&rest, &name))
		drop_keep(folder, name);
	fd_close(folder);
}

bool
history_clear(struct history *h, struct clone_failure *f)
{
	drop_keeps(h);
	h->is_received = false;
	buf_clear(&h->packs);
	return ((unlinkat(h->mark_fd, PACKS, 0) == 0 || errno == ENOENT) &&
		tree_remove(h->mark_fd, REPOSITORY)) ||
	       failure_set_errno(f, errno, "clear %s", h->repository);
}

void
history_discard(struct history *h)
{
	struct clone_failure ignored = {.problem = CLONE_PROBLEM_NONE};

	(void)!history_clear(h, &ignored);
}

/* Returns the name of a pack from that of its index: "pack-<hex>.idx". */
static bool
index_name(const char *file, struct str *name)
{
	struct str s = str_from(file);

	if (!str_starts_with(s, STR("pack-")) || !str_ends_with(s, STR(".idx")))
		return false;
	*name = str_take(str_skip(s, 5), s.len - 9);
	return name->len == PACK_NAME_BYTES;
}

static bool
list_packs(struct history *h, int folder)
{
	DIR *dir = tree_list(folder, ".");
	const struct dirent *entry;
	struct str name;
	bool ok = dir != NULL;

	buf_clear(&h->packs);
	while (ok && (entry = readdir(dir)) != NULL) {
		if (index_name(entry->d_name, &name))
			ok = buf_add_str(&h->packs, name) && buf_add_byte(&h->packs, '\n');
	}
	if (dir != NULL)
		closedir(dir);
	return ok;
}

static int
open_received_folder(const struct history *h)
{
	return openat(h->mark_fd, REPOSITORY "/" PACK_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool
sync_file(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	fd_close(fd);
	return ok;
}

/* Syncs only our own files, not those of the IDE. */
static bool
sync_received(const struct history *h, int folder)
{
	struct str rest = buf_view(&h->packs);
	char path[HISTORY_PATH_BYTES];
	struct str name;
	bool ok = true;

	while (ok && next_pack(&rest, &name)) {
		pack_file(path, name, "pack");
		ok = sync_file(folder, path);
		pack_file(path, name, "idx");
		ok = ok && sync_file(folder, path);
	}
	return ok;
}

bool
history_set_received(struct history *h, struct clone_failure *f)
{
	int folder = open_received_folder(h);
	bool ok = folder >= 0 && list_packs(h, folder) && sync_received(h, folder);

	(void)unlinkat(h->mark_fd, PACKS ".new", 0);
	ok = ok && write_file(h->mark_fd, PACKS ".new", buf_view(&h->packs)) &&
	     renameat(h->mark_fd, PACKS ".new", h->mark_fd, PACKS) == 0 && fsync(h->mark_fd) == 0;
	if (!ok)
		failure_set_errno(f, errno, "record the received packs");
	fd_close(folder);
	h->is_received = ok;
	return ok;
}

/* True if the file is in place: moved now, or by an earlier run, which may have removed `from`
 * (-1). */
static bool
move_file(int from, int to, const char *name)
{
	if (from >= 0 && renameat(from, name, to, name) == 0)
		return true;
	if (from >= 0 && errno != ENOENT)
		return false;
	return faccessat(to, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The index comes last: git ignores a pack without one. */
static bool
publish_pack(int from, int to, struct str name)
{
	char path[HISTORY_PATH_BYTES];

	pack_file(path, name, "keep");
	if (!write_file(to, path, STR(KEEP_TEXT)) && errno != EEXIST)
		return false;
	pack_file(path, name, "pack");
	if (!move_file(from, to, path))
		return false;
	pack_file(path, name, "idx");
	return move_file(from, to, path);
}

bool
history_publish(struct history *h, struct clone_failure *f)
{
	struct str rest = buf_view(&h->packs);
	int from = open_received_folder(h);
	int to = open_pack_folder(h);
	struct str name;
	bool ok = to >= 0;

	while (ok && next_pack(&rest, &name))
		ok = publish_pack(from, to, name);
	ok = ok && fsync(to) == 0;
	if (!ok) {
		bool is_lost = errno == ENOENT;

		failure_set_errno(f, errno, "move the packs into place");
		f->is_transient = is_lost;
		if (is_lost)
			history_discard(h);
	}
	fd_close(from);
	fd_close(to);
	return ok;
}

void
history_set_remote_head(const struct history *h)
{
	static const char *const folders[] = {"refs", "refs/remotes", "refs/remotes/origin"};

	/* The directory may be missing if all refs are packed. */
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		(void)mkdirat(h->git_fd, folders[i], 0777);
	(void)renameat2(h->mark_fd, REPOSITORY "/" REMOTE_HEAD, h->git_fd, REMOTE_HEAD,
			RENAME_NOREPLACE);
}

/* If the process is killed before "due" is removed, the next run repeats this; afterwards
 * history_is_due removes what is left. */
void
history_finish(struct history *h)
{
	drop_keeps(h);
	(void)tree_remove(h->mark_fd, REPOSITORY);
	history_drop_stale_lock(h);
	(void)unlinkat(h->mark_fd, DUE, 0);
	(void)unlinkat(h->mark_fd, PACKS, 0);
	(void)unlinkat(h->git_fd, MARK, AT_REMOVEDIR);
}
