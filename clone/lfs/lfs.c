/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps: pointers, limits, filters, objects.
 */
#include "clone/lfs/lfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log/log.h"
#include "base/process/fd.h"
#include "clone/checkout/tree_attributes.h"
#include "clone/git/git_object.h"
#include "clone/lfs/lfs_download.h"
#include "clone/lfs/lfs_filter.h"
#include "clone/target/tree.h"

struct lfs {
	struct lfs_objects objects;
	uint64_t files_bytes; /* of all files, the same object in several files included */
	struct lfs_filter filter;
	char *dir; /* lfs/objects, absolute, without a slash at the end */
};

struct scan {
	struct transfer *transfer;
	struct lfs *lfs;
	struct attributes *attributes;
	git_odb *odb;
};

void
lfs_free(struct lfs *lfs)
{
	if (lfs == NULL)
		return;
	lfs_objects_fini(&lfs->objects);
	lfs_filter_fini(&lfs->filter);
	free(lfs->dir);
	free(lfs);
}

bool
lfs_applies(const struct attribute_value values[ATTRIBUTES])
{
	const struct attribute_value *filter = &values[ATTRIBUTE_FILTER];

	return filter->state == ATTRIBUTE_VALUE && str_equal(filter->text, STR("lfs"));
}

char *
lfs_find(struct lfs *lfs, const char *path, struct str content)
{
	char oid[LFS_OID_DIGITS + 1];
	const struct lfs_object *object;
	struct lfs_pointer pointer;
	char *found = NULL;

	if (lfs == NULL || !lfs_pointer_parse(&pointer, content) ||
	    !lfs_filter_wants(&lfs->filter, str_from(path)))
		return NULL;
	object = lfs_objects_find(&lfs->objects, &pointer);
	if (object == NULL || object->state != LFS_DONE)
		return NULL;
	lfs_pointer_format_oid(&pointer, oid);
	if (asprintf(&found, "%s/%.2s/%.2s/%s", lfs->dir, oid, oid + 2, oid) < 0)
		return NULL;
	return found;
}

/* Records the object of a file, if it is a pointer. */
static bool
scan_file(struct scan *s, const char *folder, const git_tree_entry *entry)
{
	struct attribute_value values[ATTRIBUTES];
	git_odb_object *object = NULL;
	struct lfs_pointer pointer;
	char *path = NULL;
	size_t size = 0;
	git_object_t type;
	bool is_wanted;
	bool ok = true;

	if (git_object_entry_mode(entry) == GIT_FILEMODE_LINK ||
	    git_odb_read_header(&size, &type, s->odb, git_tree_entry_id(entry)) < 0 ||
	    size > LFS_POINTER_MAX_BYTES)
		return true;
	if (asprintf(&path, "%s%s", folder, git_tree_entry_name(entry)) < 0)
		return failure_set(s->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	ok = tree_attributes_find(s->transfer, s->attributes, path, values);
	is_wanted = ok && lfs_applies(values) && lfs_filter_wants(&s->lfs->filter, str_from(path));
	free(path);
	if (!ok)
		return false;
	if (!is_wanted || git_odb_read(&object, s->odb, git_tree_entry_id(entry)) < 0)
		return true;
	if (lfs_pointer_parse(&pointer, (struct str){git_odb_object_data(object),
						     git_odb_object_size(object)})) {
		s->lfs->files_bytes = lfs_objects_sum(s->lfs->files_bytes, pointer.size);
		ok = lfs_objects_add(&s->lfs->objects, &pointer) ||
		     failure_set(s->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	}
	git_odb_object_free(object);
	return ok;
}

static int
on_entry(const char *folder, const git_tree_entry *entry, void *arg)
{
	struct scan *s = arg;

	if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		return tree_attributes_enter(s->transfer, s->attributes, folder, entry) ? 0
											: GIT_EUSER;
	s->transfer->progress.counters.files_done++;
	if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB && !scan_file(s, folder, entry))
		return GIT_EUSER;
	return git_steps_report(s->transfer, CLONE_LFS) ? 0 : GIT_EUSER;
}

static void
read_filter(struct transfer *t, struct lfs *lfs, const git_tree *tree)
{
	const git_tree_entry *entry = git_tree_entry_byname(tree, ".lfsconfig");
	git_blob *blob = NULL;

	if (entry == NULL || git_tree_entry_type(entry) != GIT_OBJECT_BLOB ||
	    git_blob_lookup(&blob, t->repository, git_tree_entry_id(entry)) < 0)
		return;
	if (git_blob_rawsize(blob) <= LFS_FILTER_MAX_BYTES)
		lfs_filter_read(&lfs->filter, (struct str){git_blob_rawcontent(blob),
							   (size_t)git_blob_rawsize(blob)});
	git_blob_free(blob);
}

static bool
scan(struct transfer *t, struct lfs *lfs)
{
	struct scan s = {.transfer = t, .lfs = lfs, .attributes = attributes_new(ATTRIBUTES_STEPS)};
	git_tree *tree = NULL;
	bool ok = s.attributes != NULL ||
		  failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	int code = 0;

	t->progress.counters.files_total = t->files;
	if (ok)
		code = git_repository_odb(&s.odb, t->repository);
	if (ok && code == 0)
		code = git_object_head_tree(t->repository, &tree);
	ok = ok && code == 0 && tree_attributes_push(t, s.attributes, tree, STR_NONE);
	if (ok)
		read_filter(t, lfs, tree);
	if (ok)
		code = git_tree_walk(tree, GIT_TREEWALK_PRE, on_entry, &s);
	/* GIT_EUSER: our callback has recorded the reason, or was told to stop. */
	if (code < 0)
		ok = code != GIT_EUSER && git_steps_fail(t, code, "find LFS files");
	/* From here on the counters are those of the checkout. */
	t->progress.counters.files_done = 0;
	t->progress.counters.files_total = 0;
	git_tree_free(tree);
	git_odb_free(s.odb);
	attributes_free(s.attributes);
	lfs_objects_sort(&lfs->objects);
	return ok;
}

/* As `git lfs install --local` does, without hooks: git-lfs adds them when it first runs. */
static bool
configure_filters(struct transfer *t)
{
	static const struct {
		const char *key, *value;
	} filters[] = {
		{"filter.lfs.clean", "git-lfs clean -- %f"},
		{"filter.lfs.smudge", "git-lfs smudge -- %f"},
		{"filter.lfs.process", "git-lfs filter-process"},
		{"filter.lfs.required", "true"},
	};
	git_config *config = NULL;
	int code = git_repository_config(&config, t->repository);

	for (size_t i = 0; code == 0 && i < sizeof(filters) / sizeof(filters[0]); i++)
		code = git_config_set_string(config, filters[i].key, filters[i].value);
	git_config_free(config);
	return code == 0 || git_steps_fail(t, code, "configure LFS");
}

/* Opens .git/lfs and creates its folders; -1: see t->failure. */
static int
open_folders(struct transfer *t, struct lfs *lfs)
{
	static const char *const names[] = {"objects", "tmp"};
	int git_dir = tree_open(AT_FDCWD, git_repository_path(t->repository));
	int dir = -1;
	bool ok = git_dir >= 0 && (mkdirat(git_dir, "lfs", 0777) == 0 || errno == EEXIST) &&
		  (dir = tree_open(git_dir, "lfs")) >= 0;

	for (size_t i = 0; ok && i < sizeof(names) / sizeof(names[0]); i++)
		ok = mkdirat(dir, names[i], 0777) == 0 || errno == EEXIST;
	if (!ok)
		failure_set_errno(t->failure, errno, "create the folder of LFS objects");
	else if (asprintf(&lfs->dir, "%slfs/objects", git_repository_path(t->repository)) < 0)
		ok = failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	fd_close(git_dir);
	if (!ok && dir >= 0) {
		close(dir);
		dir = -1;
	}
	return dir;
}

/* False: e says why nothing is fetched. */
static bool
check_limits(const struct transfer *t, const struct lfs *lfs, struct err *e)
{
	uint64_t received = t->progress.counters.bytes;
	uint64_t max = t->request->bytes_max;

	if (!t->request->settings->lfs)
		return err_set(e, ERR_DENIED, "CLONE_LFS is off");
	if (lfs->filter.steps_left == 0)
		return err_set(e, ERR_LIMIT, "the patterns of .lfsconfig take too long to match");
	if (!git_steps_can_write_files(t))
		return err_set(e, ERR_SYSTEM,
			       "a tree is not sorted, or the file system has no "
			       "permissions, links or case");
	if (received > max || lfs->files_bytes > max - received)
		return err_set(e, ERR_LIMIT,
			       "they have %llu bytes, more than CLONE_BYTES_MAX (%llu) leaves",
			       (unsigned long long)lfs->files_bytes,
			       (unsigned long long)t->request->settings->bytes_max);
	return true;
}

static void
note_missing(struct transfer *t, const struct err *e)
{
	t->progress.notes |= CLONE_NOTE_LFS;
	log_warn(NULL, "LFS files remain pointers", log_cstr("repository", t->request->url),
		 log_err(e));
}

static bool
download(struct transfer *t, struct lfs_remote *r)
{
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};
	int dir = open_folders(t, t->lfs);

	if (dir < 0 || !configure_filters(t)) {
		fd_close(dir);
		return false;
	}
	if (!lfs_download(t, r, &t->lfs->objects, dir, &f) &&
	    t->failure->problem == CLONE_PROBLEM_NONE)
		note_missing(t, &f.detail);
	(void)tree_remove(dir, "tmp");
	close(dir);
	return t->failure->problem == CLONE_PROBLEM_NONE;
}

bool
lfs_fetch(struct transfer *t)
{
	struct lfs_remote remote;
	struct err e = ERR_INIT;
	bool ok;

	if ((t->progress.notes & CLONE_NOTE_LFS) == 0)
		return true;
	t->progress.notes &= ~(unsigned)CLONE_NOTE_LFS;
	t->lfs = calloc(1, sizeof(*t->lfs));
	if (t->lfs == NULL)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	lfs_filter_init(&t->lfs->filter);
	if (!scan(t, t->lfs))
		return false;
	if (t->lfs->objects.count == 0 && t->lfs->filter.steps_left > 0)
		return true;
	if (!check_limits(t, t->lfs, &e) || !lfs_remote_init(&remote, t->request, &e)) {
		note_missing(t, &e);
		return true;
	}
	t->lfs->filter.steps_left = LFS_FILTER_STEPS; /* the checkout reads no other objects */
	ok = download(t, &remote);
	lfs_remote_fini(&remote);
	return ok;
}
