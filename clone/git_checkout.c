/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From HEAD to files, after a look at how many and how deep they are.
 */
#include "clone/git_steps.h"

/* A few hundred objects can describe billions of files, or folders without end. */
#define FILES_MAX      5000000u
#define PATH_BYTES_MAX 4000u

static void
on_checkout(const char *path, size_t done, size_t total, void *arg)
{
	struct transfer *t = arg;

	(void)path;
	t->progress.files_done = done;
	t->progress.files_total = total;
	(void)git_steps_report(t, CLONE_CHECKOUT);
}

/* Runs before a folder is entered, so that neither files nor depth pass the bounds. */
static int
on_tree_entry(const char *folder, const git_tree_entry *entry, void *arg)
{
	size_t *count = arg;

	if (++*count > FILES_MAX)
		return GIT_EUSER;
	return strlen(folder) + strlen(git_tree_entry_name(entry)) > PATH_BYTES_MAX ? GIT_EUSER : 0;
}

/* Checkout keeps a record of every file before it writes the first. */
static bool
check_tree(struct transfer *t)
{
	git_object *tree = NULL;
	size_t count = 0;
	int code = git_revparse_single(&tree, t->repository, "HEAD^{tree}");

	if (code == 0)
		code = git_tree_walk((git_tree *)tree, GIT_TREEWALK_PRE, on_tree_entry, &count);
	git_object_free(tree);
	if (code == GIT_EUSER)
		return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
				   "more than %u files, or a path of more than %u bytes", FILES_MAX,
				   PATH_BYTES_MAX);
	return code == 0 || git_steps_fail(t, code, "read the tree");
}

bool
git_checkout_run(struct transfer *t)
{
	git_checkout_options options;
	int code;

	if (git_repository_head_unborn(t->repository) == 1)
		return true;
	if (!check_tree(t))
		return false;
	git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION);
	options.checkout_strategy = GIT_CHECKOUT_SAFE;
	options.progress_cb = on_checkout;
	options.progress_payload = t;
	code = git_checkout_head(t->repository, &options);
	return code == 0 || git_steps_fail(t, code, "checkout");
}
