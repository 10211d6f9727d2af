/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones with libgit2 1.5 step by step instead of git_clone, so that a missing branch is detected
 * before anything is received.
 *
 * Network: clone/git/transport; received packs: clone/pack/indexer.
 */
#include "clone/git_clone.h"

#include <stdlib.h>

#include "clone/checkout/git_checkout.h"
#include "clone/git/git_credential.h"
#include "clone/git/git_fetch.h"
#include "clone/git/git_refs.h"
#include "clone/git/git_steps.h"
#include "clone/git/gitlink.h"
#include "clone/git_submodules.h"
#include "clone/lfs/lfs.h"

static bool
make_repository(struct transfer *t)
{
	const char *place = t->request->into;
	git_repository_init_options options;
	int code;

	git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_NO_REINIT;
	if (t->request->is_bare)
		options.flags |= GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR;
	options.initial_head = "main";
	if (t->request->git_dir != NULL) {
		options.flags |= GIT_REPOSITORY_INIT_MKPATH | GIT_REPOSITORY_INIT_NO_DOTGIT_DIR |
				 GIT_REPOSITORY_INIT_RELATIVE_GITLINK;
		options.workdir_path = t->request->into;
		place = t->request->git_dir;
	}
	code = git_repository_init_ext(&t->repository, place, &options);
	if (code < 0)
		return git_steps_fail(t, code, "init");
	if (t->request->git_dir != NULL && !gitlink_tidy(t))
		return false;
	code = git_remote_create(&t->remote, t->repository, "origin", t->request->url);
	return (code == 0 || git_steps_fail(t, code, "create origin")) &&
	       git_credential_configure(t);
}

bool
git_clone_run(const struct git_request *request, struct clone_failure *f)
{
	struct transfer t = {
		.request = request,
		.failure = f,
		.progress = {.phase = CLONE_CONNECTING},
		.indexer = {.memory_max_bytes = (size_t)request->memory_bytes,
			    .checks_links = true},
	};
	bool ok;

	t.indexer.shallow = &t.shallow;
	buf_init(&t.shallow, TRANSPORT_SHALLOW_MAX_BYTES);
	if (git_libgit2_init() < 0)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "libgit2 initialization failed");
	ok = git_steps_set_options(&t) && make_repository(&t) && git_fetch_connect(&t) &&
	     git_refs_choose(&t) && git_fetch_run(&t) && git_refs_set(&t);
	git_remote_free(t.remote); /* and its connection */
	ok = ok && (request->is_bare || git_checkout_run(&t));
	if (ok && !request->is_bare)
		git_submodules_run(&t);
	if (ok && !request->fetches_later)
		git_steps_leave_network(&t);
	lfs_free(t.lfs);
	odd_trees_fini(&t.odd_trees);
	git_repository_free(t.repository);
	git_libgit2_shutdown();
	buf_fini(&t.shallow);
	free(t.default_branch);
	free(t.branch);
	free(t.tag);
	free(t.extra);
	free(t.unborn);
	/* When our callback stops libgit2, there is no other reason. */
	return ok || failure_set(f, CLONE_PROBLEM_INTERNAL, "stopped");
}
