/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the files from the repository, not from the work tree, which is incomplete during the
 * checkout.
 */
#include "clone/checkout/tree_attributes.h"

#include <stdio.h>

#include "base/log/log.h"
#include "clone/git/git_object.h"

#define FOLDER_MAX_BYTES 8192u
/* git ignores files of this size and above. */
#define IGNORED_BYTES (100u * 1024u * 1024u)

static bool
set_failure(struct transfer *t, const char *path, const struct err *e)
{
	return failure_set(t->failure,
			   e->code == ERR_LIMIT ? CLONE_PROBLEM_REFUSED : CLONE_PROBLEM_INTERNAL,
			   "%.200s: %s", path, e->text);
}

static bool
push_blob(struct transfer *t, struct attributes *a, const git_oid *id, struct str folder)
{
	git_blob *blob = NULL;
	struct err e = ERR_INIT;
	char path[FOLDER_MAX_BYTES + 32];
	bool ok;

	int code = git_blob_lookup(&blob, t->repository, id);

	if (code < 0)
		return git_steps_fail(t, code, "read attributes");
	ok = attributes_push(
		a, folder, (struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)},
		&e);
	git_blob_free(blob);
	snprintf(path, sizeof(path), "%.*s.gitattributes", STR_FMT(folder));
	return ok || set_failure(t, path, &e);
}

bool
tree_attributes_push(struct transfer *t, struct attributes *a, const git_tree *tree,
		     struct str folder)
{
	const git_tree_entry *entry = git_tree_entry_byname(tree, ".gitattributes");
	size_t size = 0;
	int code;

	attributes_leave(a, folder);
	if (entry == NULL || git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return true;
	code = git_object_size(t->repository, git_tree_entry_id(entry), &size);
	if (code < 0)
		return git_steps_fail(t, code, "read attributes");
	if (size >= IGNORED_BYTES) {
		log_warn(NULL, ".gitattributes ignored: the file is too large",
			 log_str("path", folder), log_int("bytes", (int64_t)size));
		return true;
	}
	return push_blob(t, a, git_tree_entry_id(entry), folder);
}

bool
tree_attributes_find(struct transfer *t, struct attributes *a, const char *path,
		     struct attribute_value values[ATTRIBUTES])
{
	struct err e = ERR_INIT;

	attributes_leave(a, str_from(path));
	return attributes_find(a, str_from(path), values, &e) || set_failure(t, path, &e);
}

bool
tree_attributes_enter(struct transfer *t, struct attributes *a, const char *parent,
		      const git_tree_entry *entry)
{
	git_tree *tree = NULL;
	struct buf path;
	int code = git_tree_lookup(&tree, t->repository, git_tree_entry_id(entry));
	bool ok;

	if (code < 0)
		return git_steps_fail(t, code, "read a tree");
	buf_init(&path, FOLDER_MAX_BYTES);
	ok = (buf_addf(&path, "%s%s/", parent, git_tree_entry_name(entry)) ||
	      failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory")) &&
	     tree_attributes_push(t, a, tree, buf_view(&path));
	buf_fini(&path);
	git_tree_free(tree);
	return ok;
}
