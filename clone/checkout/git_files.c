/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkout of trees with plain files and links only: libgit2 reads the objects here,
 * clone/checkout/files_writer writes them in parallel, and index entries are added as files are
 * done.
 *
 * tree_check has verified names, order and that no name occurs twice.
 */
#include "clone/checkout/git_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clone/checkout/files_writer.h"
#include "clone/checkout/index_file.h"
#include "clone/target/tree.h"
#include "clone/thread.h"

struct checkout {
	struct transfer *transfer;
	git_odb *odb;
	git_object *tree;
	int root;
	struct files_writer *writer;
	struct index_file *index;
};

static bool
is_set(const git_config *config, const char *name, bool otherwise)
{
	int value = otherwise;

	(void)git_config_get_bool(&value, config, name);
	return value != 0;
}

bool
git_files_can_write(struct transfer *t)
{
	git_config *config = NULL;
	bool ok;

	if (t->has_attributes || t->has_submodules || !t->is_sorted ||
	    git_repository_config_snapshot(&config, t->repository) < 0)
		return false;
	/* Properties of the file system as probed by libgit2. */
	ok = is_set(config, "core.filemode", false) && is_set(config, "core.symlinks", true) &&
	     !is_set(config, "core.ignorecase", false) &&
	     !is_set(config, "core.precomposeunicode", false);
	git_config_free(config);
	return ok;
}

static void
on_done(const struct file *f, bool is_written, void *arg)
{
	struct checkout *c = arg;

	if (is_written) {
		index_file_add(c->index, f->path, f->mode, git_odb_object_id(f->owner)->id,
			       &f->stat);
		c->transfer->progress.counters.files_done++;
	}
	git_odb_object_free(f->owner);
}

static bool
add_folder(struct checkout *c, const char *path)
{
	return mkdirat(c->root, path, 0777) == 0 ||
	       failure_set_errno(c->transfer->failure, errno, "create %.200s", path);
}

/* Takes ownership of path. */
static bool
add_file(struct checkout *c, char *path, const git_tree_entry *entry)
{
	struct transfer *t = c->transfer;
	struct file f = {.path = path, .mode = git_tree_entry_filemode(entry)};
	git_odb_object *object = NULL;
	int code = git_odb_read(&object, c->odb, git_tree_entry_id(entry));

	if (code < 0 || git_odb_object_type(object) != GIT_OBJECT_BLOB) {
		git_odb_object_free(object);
		free(path);
		return code < 0 ? git_steps_fail(t, code, "read a file")
				: failure_set(t->failure, CLONE_PROBLEM_REFUSED,
					      "a tree entry for a file refers to another type of "
					      "object");
	}
	f.data = git_odb_object_data(object);
	f.len = git_odb_object_size(object);
	f.owner = object;
	return files_writer_add(c->writer, &f, t->failure) && git_steps_report(t, CLONE_CHECKOUT);
}

/* Negative ends the walk. */
static int
on_entry(const char *folder, const git_tree_entry *entry, void *arg)
{
	struct checkout *c = arg;
	char *path = NULL;
	bool ok;

	if (asprintf(&path, "%s%s", folder, git_tree_entry_name(entry)) < 0) {
		failure_set(c->transfer->failure, CLONE_PROBLEM_INTERNAL, "no memory");
		return GIT_EUSER;
	}
	if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		return add_file(c, path, entry) ? 0 : GIT_EUSER;
	ok = add_folder(c, path);
	free(path);
	return ok ? 0 : GIT_EUSER;
}

static bool
start(struct checkout *c)
{
	struct transfer *t = c->transfer;
	const char *workdir = git_repository_workdir(t->repository);
	struct err e = ERR_INIT;
	char *path = NULL;
	int code = git_repository_odb(&c->odb, t->repository);

	if (code == 0)
		code = git_revparse_single(&c->tree, t->repository, "HEAD^{tree}");
	if (code < 0)
		return git_steps_fail(t, code, "read the tree");
	c->root = tree_open(AT_FDCWD, workdir);
	if (c->root < 0)
		return failure_set_errno(t->failure, errno, "open %s", workdir);
	if (asprintf(&path, "%sindex", git_repository_path(t->repository)) < 0)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
	c->index = index_file_new(path, (uint32_t)t->progress.counters.files_total, &e);
	free(path);
	if (c->index == NULL)
		return git_steps_fail_err(t, &e);
	/* One core is for this thread. */
	c->writer = files_writer_new(c->root, thread_cores() - 1, on_done, c);
	return c->writer != NULL || failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
}

static bool
write_files(struct checkout *c)
{
	struct transfer *t = c->transfer;
	struct err e = ERR_INIT;
	int code = git_tree_walk((const git_tree *)c->tree, GIT_TREEWALK_PRE, on_entry, c);

	if (code == GIT_EUSER)
		return false;
	if (code < 0)
		return git_steps_fail(t, code, "walk the tree");
	return files_writer_end(c->writer, t->failure) &&
	       (index_file_end(c->index, &e) || git_steps_fail_err(t, &e)) &&
	       git_steps_report(t, CLONE_CHECKOUT);
}

bool
git_files_write(struct transfer *t)
{
	struct checkout c = {.transfer = t, .root = -1};
	bool ok;

	t->progress.counters.files_done = 0;
	t->progress.counters.files_total = t->files;
	t->progress.can_stop = true;
	ok = start(&c) && write_files(&c);
	files_writer_free(c.writer);
	index_file_free(c.index);
	if (c.root >= 0)
		close(c.root);
	git_object_free(c.tree);
	git_odb_free(c.odb);
	t->progress.can_stop = false;
	return ok;
}
