/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the files from the repository, not from the work tree, which is incomplete meanwhile.
 */
#include "clone/checkout/tree_attributes.h"

#define FOLDER_MAX_BYTES 8192u

bool
tree_attributes_push(struct transfer *t, struct attributes *a, const git_tree *tree,
		     struct str folder)
{
	const git_tree_entry *entry = git_tree_entry_byname(tree, ".gitattributes");
	git_blob *blob = NULL;
	struct err e = ERR_INIT;
	bool ok;

	attributes_leave(a, folder);
	if (entry == NULL || git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return true;
	if (git_blob_lookup(&blob, t->repository, git_tree_entry_id(entry)) < 0)
		return git_steps_fail(t, GIT_ENOTFOUND, "read attributes");
	ok = attributes_push(
		a, folder, (struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)},
		&e);
	git_blob_free(blob);
	return ok ||
	       failure_set(t->failure,
			   e.code == ERR_LIMIT ? CLONE_PROBLEM_REFUSED : CLONE_PROBLEM_INTERNAL,
			   "%.*s.gitattributes: %s", STR_FMT(folder), e.text);
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
	      failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory")) &&
	     tree_attributes_push(t, a, tree, buf_view(&path));
	buf_fini(&path);
	git_tree_free(tree);
	return ok;
}
