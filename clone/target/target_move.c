/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal lists the entries, each as "inode name" ending in NUL. It is written under another
 * name, synced, and renamed to "forward"; to roll back, it is renamed to "back". So the names in
 * the directory always tell the next run what to do, and inode numbers distinguish our entries from
 * others.
 */
#include "clone/target/target_move.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "clone/target/tree.h"

#define ENTRIES_MAX 1000000u
#define JOURNAL_MAX (512u * 1024u * 1024u)
#define DRAFT	    "draft"
#define FORWARD	    "forward"
#define BACK	    "back"

struct entry {
	char *name;
	uint64_t inode;
};

struct entries {
	struct entry *items;
	size_t count;
	size_t size;
};

static void
entries_fini(struct entries *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i].name);
	free(n->items);
}

static bool
entries_add(struct entries *n, const char *name, uint64_t inode)
{
	if (n->count == ENTRIES_MAX) {
		errno = E2BIG;
		return false;
	}
	if (n->count == n->size) {
		size_t size = n->size == 0 ? 64 : n->size * 2;
		struct entry *items = reallocarray(n->items, size, sizeof(*items));

		if (items == NULL)
			return false;
		n->items = items;
		n->size = size;
	}
	n->items[n->count] = (struct entry){strdup(name), inode};
	return n->items[n->count].name != NULL && ++n->count > 0;
}

/* Returns the inode number of an entry; 0: it does not exist. */
static uint64_t
inode_of(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_ino : 0;
}

/* Lists all entries of a directory except "." and ".."; ".git" is last. */
static bool
entries_list(struct entries *n, int fd)
{
	DIR *dir = tree_list(fd, ".");
	const struct dirent *entry;
	uint64_t git = 0;
	bool ok = dir != NULL;

	while (ok && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".git") == 0)
			git = inode_of(fd, entry->d_name);
		else if (!tree_is_dot(entry->d_name))
			ok = entries_add(n, entry->d_name, inode_of(fd, entry->d_name));
	}
	if (dir != NULL)
		closedir(dir);
	return ok && (git == 0 || entries_add(n, ".git", git));
}

static bool
journal_write(int temporary, const struct entries *n)
{
	int fd = openat(temporary, DRAFT, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok = file != NULL;

	if (fd >= 0 && file == NULL)
		close(fd);
	for (size_t i = 0; ok && i < n->count; i++)
		ok = fprintf(file, "%llu %s%c", (unsigned long long)n->items[i].inode,
			     n->items[i].name, '\0') > 0;
	if (ok)
		ok = fflush(file) == 0 && fsync(fd) == 0;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	return ok && renameat(temporary, DRAFT, temporary, FORWARD) == 0 && fsync(temporary) == 0;
}

/* Parses one "inode name" of a journal. */
static bool
entry_parse(struct entries *n, const char *text)
{
	char *end;
	unsigned long long inode;

	errno = 0;
	inode = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != ' ' || inode == 0 || end[1] == '\0' ||
	    strchr(end + 1, '/') != NULL || tree_is_dot(end + 1)) {
		errno = EBADMSG;
		return false;
	}
	return entries_add(n, end + 1, inode);
}

static bool
journal_parse(struct entries *n, FILE *file, size_t size)
{
	char *text = malloc(size + 1);
	bool ok = text != NULL && fread(text, 1, size, file) == size;

	if (ok)
		text[size] = '\0';
	for (size_t at = 0; ok && at < size; at += strlen(text + at) + 1)
		ok = entry_parse(n, text + at);
	free(text);
	return ok;
}

/* False with ENOENT: no journal of that name. */
static bool
journal_read(struct entries *n, int temporary, const char *name)
{
	int fd = openat(temporary, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat st;
	bool ok = file != NULL && fstat(fd, &st) == 0;

	if (ok && (!S_ISREG(st.st_mode) || st.st_size > (off_t)JOURNAL_MAX)) {
		errno = EBADMSG;
		ok = false;
	}
	ok = ok && journal_parse(n, file, (size_t)st.st_size);
	if (file != NULL)
		(void)fclose(file);
	else if (fd >= 0)
		close(fd);
	return ok;
}

/* Like renameat2(RENAME_NOREPLACE), also on file systems without it. */
static bool
move_entry(int from, int to, const char *name)
{
	struct stat st;

	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return false;
	}
	return errno == ENOENT && renameat(from, name, to, name) == 0;
}

/* Moves the entries that are still in the tree. On conflict *taken is the existing name. */
static bool
move_forward(const struct entries *n, int tree, int to, const char **taken)
{
	for (size_t i = 0; i < n->count; i++) {
		*taken = n->items[i].name;
		if (!move_entry(tree, to, *taken) && errno != ENOENT)
			return false;
	}
	*taken = NULL;
	return true;
}

/* Moves our entries back from the target, last one first. If a journal remains, the next run
 * continues. */
static bool
move_back(const struct entries *n, int temporary, int tree, int to)
{
	bool ok = true;

	for (size_t i = n->count; i-- > 0;) {
		if (inode_of(to, n->items[i].name) == n->items[i].inode)
			ok = move_entry(to, tree, n->items[i].name) && ok;
	}
	(void)fsync(tree);
	(void)fsync(to);
	return ok && unlinkat(temporary, BACK, 0) == 0;
}

/* Moves the entries; the journal must be in place. */
static bool
move_all(const struct entries *n, int temporary, int to, struct clone_failure *f)
{
	int tree = tree_open(temporary, TARGET_MOVE_TREE);
	const char *taken = NULL;
	bool ok;

	if (tree < 0)
		return failure_set_errno(f, errno, "open the clone");
	ok = move_forward(n, tree, to, &taken);
	if (!ok && errno == EEXIST)
		failure_set(f, CLONE_PROBLEM_NOT_EMPTY, "\"%s\" appeared in the target", taken);
	else if (!ok)
		failure_set_errno(f, errno, "move \"%s\" into the target", taken);
	(void)fsync(to);
	if (!ok && renameat(temporary, FORWARD, temporary, BACK) == 0)
		(void)move_back(n, temporary, tree, to);
	close(tree);
	return ok;
}

bool
target_move_run(int temporary, int to, struct clone_failure *f)
{
	struct entries n = {.items = NULL};
	int tree = tree_open(temporary, TARGET_MOVE_TREE);
	bool ok;

	if (tree < 0)
		return failure_set_errno(f, errno, "open the clone");
	ok = entries_list(&n, tree) || failure_set_errno(f, errno, "list the clone");
	close(tree);
	if (ok)
		ok = journal_write(temporary, &n) ||
		     failure_set_errno(f, errno, "write the journal");
	if (ok)
		ok = move_all(&n, temporary, to, f);
	entries_fini(&n);
	return ok;
}

static bool
resume_back(int temporary, int to, struct clone_failure *f)
{
	struct entries n = {.items = NULL};
	int tree = tree_open(temporary, TARGET_MOVE_TREE);
	bool ok = tree >= 0 && journal_read(&n, temporary, BACK) &&
		  move_back(&n, temporary, tree, to);

	if (!ok)
		failure_set_errno(f, errno, "roll back the move of an earlier run");
	fd_close(tree);
	entries_fini(&n);
	return ok;
}

static bool
exists(int temporary, const char *name)
{
	return inode_of(temporary, name) != 0;
}

bool
target_move_resume(int temporary, int to, struct clone_failure *f)
{
	struct entries n = {.items = NULL};
	struct clone_failure taken = {.problem = CLONE_PROBLEM_NONE};
	bool ok = true;

	if (exists(temporary, BACK))
		return resume_back(temporary, to, f);
	/* Without a tree everything was moved and cleanup had begun. */
	if (!exists(temporary, FORWARD) || !exists(temporary, TARGET_MOVE_TREE))
		return true;
	if (!journal_read(&n, temporary, FORWARD))
		ok = failure_set_errno(f, errno, "read the journal of an earlier run");
	else if (!move_all(&n, temporary, to, &taken) &&
		 (exists(temporary, FORWARD) || exists(temporary, BACK)))
		ok = failure_set(f, taken.problem, "%s", taken.detail.text);
	entries_fini(&n);
	return ok;
}

bool
target_move_clean_up(int temporary)
{
	bool ok;

	if (exists(temporary, BACK))
		return false;
	if (exists(temporary, FORWARD))
		ok = unlinkat(temporary, TARGET_MOVE_TREE, AT_REMOVEDIR) == 0 || errno == ENOENT;
	else
		ok = tree_remove(temporary, TARGET_MOVE_TREE) ||
		     unlinkat(temporary, TARGET_MOVE_TREE, 0) == 0;
	if (!ok)
		return false;
	(void)unlinkat(temporary, DRAFT, 0);
	(void)unlinkat(temporary, FORWARD, 0);
	return true;
}
