/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own checkout writes the files with several threads: libgit2 reads the objects here,
 * attributes of the tree are applied, clone/checkout/files_writer writes the files in parallel, and
 * index entries are added as files are done. tree_check has verified names, order and that no name
 * occurs twice.
 *
 * libgit2 checks out where the file system requires it. Both run without network access: in this
 * process, or in a child if more is fetched afterwards.
 */
#include "clone/checkout/git_checkout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log/log.h"
#include "base/process/fd.h"
#include "base/process/thread.h"
#include "clone/checkout/attributes.h"
#include "clone/checkout/checkout_process.h"
#include "clone/checkout/convert.h"
#include "clone/checkout/files_writer.h"
#include "clone/checkout/index_file.h"
#include "clone/checkout/tree_attributes.h"
#include "clone/checkout/tree_cache.h"
#include "clone/checkout/tree_check.h"
#include "clone/git/git_object.h"
#include "clone/lfs/lfs.h"
#include "clone/target/tree.h"

#define FOLDER_MAX_BYTES 8192u
/* Each byte of a "$Id$" becomes about twelve. */
#define CONVERTED_MAX_FACTOR 16u
#define CONVERTED_MIN_BYTES  4096u
/* Warnings about files that could not be converted. */
#define WARNINGS_MAX 20u

/* The owner of a file that is being written. */
struct blob {
	git_oid id;
	git_filemode_t mode;
	git_odb_object *object; /* NULL: a submodule */
	struct buf converted;
	char *source; /* path of an LFS file */
};

struct checkout {
	struct transfer *transfer;
	git_odb *odb;
	git_tree *tree;
	struct attributes *attributes; /* NULL: there are no attributes */
	unsigned warnings;
	struct buf folder; /* the folder that was created last */
	int root;
	struct files_writer *writer;
	struct index_file *index;
	struct tree_cache *cache;
};

static void
blob_free(struct blob *b)
{
	git_odb_object_free(b->object);
	buf_fini(&b->converted);
	free(b->source);
	free(b);
}

static void
on_done(const struct file *f, bool is_written, void *arg)
{
	struct checkout *c = arg;
	struct blob *b = f->owner;

	if (is_written) {
		index_file_add(c->index, f->path, b->mode, b->id.id, &f->stat);
		c->transfer->progress.counters.files_done++;
	}
	blob_free(b);
}

/* Creates the missing folders of a path. Like git, creates no folders without files. */
static bool
create_folders(struct checkout *c, const char *path)
{
	const char *end = strrchr(path, '/');
	size_t len = end == NULL ? 0 : (size_t)(end - path) + 1;
	size_t at = 0;

	/* The files of a folder are consecutive, so every folder that is not a parent of the last
	 * one is new. */
	for (size_t i = 0; i < len && i < c->folder.len && path[i] == c->folder.data[i]; i++)
		at = path[i] == '/' ? i + 1 : at;
	buf_clear(&c->folder);
	buf_add(&c->folder, path, at);
	while (at < len) {
		size_t part = strcspn(path + at, "/");

		c->folder.len = at;
		if (!buf_add(&c->folder, path + at, part) || !buf_add_byte(&c->folder, '\0'))
			return failure_set(c->transfer->failure, CLONE_PROBLEM_INTERNAL,
					   "out of memory");
		if (mkdirat(c->root, c->folder.data, 0777) < 0)
			return failure_set_errno(c->transfer->failure, errno, "create %.200s",
						 c->folder.data);
		at += part + 1;
		c->folder.data[at - 1] = '/';
	}
	return true;
}

static void
warn_not_encoded(struct checkout *c, const char *path, const struct conversion *conversion)
{
	if (c->warnings++ < WARNINGS_MAX)
		log_warn(NULL, "clone: file not converted to its working-tree-encoding",
			 log_cstr("path", path), log_cstr("encoding", conversion->encoding));
}

/* Returns the size limit of a converted file, which is in memory like the original. */
static size_t
converted_max(const struct checkout *c, size_t len)
{
	uint64_t enough = CONVERTED_MAX_FACTOR * (uint64_t)len + CONVERTED_MIN_BYTES;
	uint64_t max = c->transfer->request->settings->file_bytes_max;

	return (size_t)(enough < max ? enough : max);
}

static bool
set_conversion_failure(struct checkout *c, const struct file *f, const struct blob *b)
{
	uint64_t max = c->transfer->request->settings->file_bytes_max;

	if (b->converted.max < max)
		return failure_set(c->transfer->failure, CLONE_PROBLEM_INTERNAL,
				   "out of memory to convert %.200s", f->path);
	return failure_set(c->transfer->failure, CLONE_PROBLEM_REFUSED,
			   "\"%.200s\" exceeds CLONE_FILE_BYTES_MAX (%llu bytes) after conversion "
			   "(.gitattributes)",
			   f->path, (unsigned long long)max);
}

/* Applies the file's attributes to *f. */
static bool
convert(struct checkout *c, struct file *f, struct blob *b)
{
	struct str content = {f->data, f->len};
	struct attribute_value values[ATTRIBUTES];
	struct conversion conversion;
	char id[GIT_OID_HEXSZ + 1];

	if (!tree_attributes_find(c->transfer, c->attributes, f->path, values))
		return false;
	if (lfs_applies(values)) {
		b->source = lfs_find(c->transfer->lfs, f->path, content);
		f->source = b->source;
	}
	conversion_init(&conversion, values);
	if (f->source != NULL || !conversion_is_needed(&conversion))
		return true;
	buf_init(&b->converted, converted_max(c, f->len));
	switch (convert_to_worktree(&conversion, content, git_oid_tostr(id, sizeof(id), &b->id),
				    &b->converted)) {
	case CONVERT_UNCHANGED:
		return true;
	case CONVERT_NOT_ENCODED:
		warn_not_encoded(c, f->path, &conversion);
		break;
	case CONVERT_CHANGED:
		break;
	case CONVERT_FAILED:
		return set_conversion_failure(c, f, b);
	}
	f->data = b->converted.data;
	f->len = b->converted.len;
	return true;
}

static bool
read_blob(struct checkout *c, struct file *f, struct blob *b)
{
	struct transfer *t = c->transfer;
	int code = git_odb_read(&b->object, c->odb, &b->id);

	if (code < 0)
		return git_steps_fail(t, code, "read a file");
	if (git_odb_object_type(b->object) != GIT_OBJECT_BLOB)
		return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
				   "a tree entry for a file refers to another type of object");
	f->data = git_odb_object_data(b->object);
	f->len = git_odb_object_size(b->object);
	return c->attributes == NULL || !S_ISREG(f->mode) || convert(c, f, b);
}

/* Takes ownership of path. */
static bool
add_file(struct checkout *c, char *path, const git_tree_entry *entry)
{
	struct transfer *t = c->transfer;
	struct blob *b = calloc(1, sizeof(*b));
	struct file f = {.path = path, .owner = b};

	if (b == NULL) {
		free(path);
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	}
	b->id = *git_tree_entry_id(entry);
	b->mode = git_object_entry_mode(entry);
	f.mode = b->mode == GIT_FILEMODE_COMMIT ? S_IFDIR : (mode_t)b->mode;
	if (!create_folders(c, path) || (b->mode != GIT_FILEMODE_COMMIT && !read_blob(c, &f, b))) {
		blob_free(b);
		free(path);
		return false;
	}
	return files_writer_add(c->writer, &f, t->failure) && git_steps_report(t, CLONE_CHECKOUT);
}

/* Returns the id, or NULL if git would write another tree for the same files. */
static const uint8_t *
tree_id_for_cache(const struct checkout *c, const git_oid *id)
{
	return noncanonical_trees_has(&c->transfer->noncanonical_trees, id->id) ? NULL : id->id;
}

/* Handles one entry; a negative result ends the walk. */
static int
on_entry(const char *folder, const git_tree_entry *entry, void *arg)
{
	struct checkout *c = arg;
	char *path = NULL;

	if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		tree_cache_add_folder(c->cache, folder, git_tree_entry_name(entry),
				      tree_id_for_cache(c, git_tree_entry_id(entry)));
	else
		tree_cache_add_file(c->cache, folder);
	if (git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		return c->attributes == NULL || tree_attributes_enter(c->transfer, c->attributes,
								      folder, entry)
			       ? 0
			       : GIT_EUSER;
	if (asprintf(&path, "%s%s", folder, git_tree_entry_name(entry)) < 0) {
		failure_set(c->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
		return GIT_EUSER;
	}
	return add_file(c, path, entry) ? 0 : GIT_EUSER;
}

static bool
on_tick(void *arg)
{
	struct checkout *c = arg;

	return git_steps_report(c->transfer, CLONE_CHECKOUT);
}

static bool
start_attributes(struct checkout *c)
{
	if (!c->transfer->has_attributes)
		return true;
	c->attributes = attributes_new(ATTRIBUTES_STEPS);
	if (c->attributes == NULL)
		return failure_set(c->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	return tree_attributes_push(c->transfer, c->attributes, c->tree, STR_NONE);
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
		code = git_object_head_tree(t->repository, &c->tree);
	if (code < 0)
		return git_steps_fail(t, code, "read the tree");
	c->root = tree_open(AT_FDCWD, workdir);
	if (c->root < 0)
		return failure_set_errno(t->failure, errno, "open %s", workdir);
	if (asprintf(&path, "%sindex", git_repository_path(t->repository)) < 0)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	c->index = index_file_new(path, (uint32_t)t->progress.counters.files_total, &e);
	free(path);
	if (c->index == NULL)
		return git_steps_fail_err(t, &e);
	c->cache = tree_cache_new(tree_id_for_cache(c, git_tree_id(c->tree)));
	if (c->cache == NULL)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	/* This thread uses one core. */
	c->writer = files_writer_new(c->root, thread_cores() - 1, on_done, on_tick, c);
	if (c->writer == NULL)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	return start_attributes(c);
}

static bool
end_index(struct checkout *c)
{
	struct err e = ERR_INIT;
	struct buf tree;
	bool ok;

	buf_init(&tree, TREE_CACHE_MAX_BYTES);
	if (!tree_cache_write(c->cache, &tree))
		buf_clear(&tree);
	ok = index_file_end(c->index, buf_view(&tree), &e);
	buf_fini(&tree);
	return ok || git_steps_fail_err(c->transfer, &e);
}

static bool
write_files(struct checkout *c)
{
	struct transfer *t = c->transfer;
	int code = git_tree_walk(c->tree, GIT_TREEWALK_PRE, on_entry, c);

	if (code == GIT_EUSER)
		return false;
	if (code < 0)
		return git_steps_fail(t, code, "walk the tree");
	return files_writer_end(c->writer, t->failure) && end_index(c) &&
	       git_steps_report(t, CLONE_CHECKOUT);
}

static bool
write_tree(struct transfer *t)
{
	struct checkout c = {.transfer = t, .root = -1};
	bool ok;

	t->progress.counters.files_done = 0;
	t->progress.counters.files_total = t->files;
	t->progress.can_stop = true;
	buf_init(&c.folder, FOLDER_MAX_BYTES);
	ok = start(&c) && write_files(&c);
	files_writer_free(c.writer);
	attributes_free(c.attributes);
	buf_fini(&c.folder);
	index_file_free(c.index);
	tree_cache_free(c.cache);
	fd_close(c.root);
	git_tree_free(c.tree);
	git_odb_free(c.odb);
	t->progress.can_stop = false;
	return ok;
}

static void
on_checkout(const char *path, size_t done, size_t total, void *arg)
{
	struct transfer *t = arg;

	(void)path;
	t->progress.counters.files_done = done;
	t->progress.counters.files_total = total;
	(void)git_steps_report(t, CLONE_CHECKOUT);
}

static bool
check_out(struct transfer *t)
{
	git_checkout_options options;
	git_tree *tree = NULL;
	int code;

	if (git_steps_can_write_files(t))
		return write_tree(t);
	if (t->has_includes)
		return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
				   "this file system needs libgit2's checkout, which would follow "
				   "the includes of .gitmodules");
	git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
	options.checkout_strategy = GIT_CHECKOUT_SAFE;
	/* Without a .gitattributes there are no filters; libgit2 would look for one above every
	 * file. */
	options.disable_filters = !t->has_attributes;
	options.progress_cb = on_checkout;
	options.progress_payload = t;
	code = git_object_head_tree(t->repository, &tree);
	if (code == 0)
		code = git_checkout_tree(t->repository, (const git_object *)tree, &options);
	git_tree_free(tree);
	return code == 0 || git_steps_fail(t, code, "checkout");
}

bool
git_checkout_run(struct transfer *t)
{
	const struct git_request *request = t->request;

	if (git_repository_head_unborn(t->repository) == 1)
		return true;
	if (!tree_check(t) || !lfs_fetch(t))
		return false;
	if (request->fetches_later || (t->has_submodules && request->submodules > 0))
		return checkout_process_run(t, check_out);
	git_steps_leave_network(t);
	return check_out(t);
}
