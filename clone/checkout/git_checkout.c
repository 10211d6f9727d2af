/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks out HEAD with git_files.c, or with libgit2 if attributes, submodules or the file system
 * require it. Runs without network access: in this process, or in a child if more is fetched
 * afterwards.
 */
#include "clone/checkout/git_checkout.h"

#include "clone/checkout/checkout_process.h"
#include "clone/checkout/git_files.h"
#include "clone/checkout/tree_check.h"
#include "clone/git/git_object.h"
#include "clone/lfs/lfs.h"

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
write_tree(struct transfer *t)
{
	git_checkout_options options;
	git_tree *tree = NULL;
	int code;

	if (git_files_can_write(t))
		return git_files_write(t);
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
		return checkout_process_run(t, write_tree);
	git_steps_leave_network(t);
	return write_tree(t);
}
