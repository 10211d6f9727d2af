/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the repository with libgit2's checks enabled: owner, format, extensions. Reads no
 * configuration but the repository's own.
 */
#include "clone/git/existing_repository.h"

#include "clone/git/git_steps.h"
#include "clone/remote_url.h"

#define REMOTES_MAX 32u

static enum existing_repository
closed(struct err *reason)
{
	const git_error *last = git_error_last();

	(void)err_set(reason, ERR_PROTOCOL, "%s",
		      last == NULL ? "libgit2 error without a message" : last->message);
	return EXISTING_UNREADABLE;
}

static enum existing_repository
compare_remotes(git_repository *repository, const struct clone_settings *settings,
		struct err *reason)
{
	git_strarray names = {NULL, 0};
	enum existing_repository kind = EXISTING_SAME;

	if (git_remote_list(&names, repository) < 0)
		return closed(reason);
	for (size_t i = 0; i < names.count && i < REMOTES_MAX; i++) {
		git_remote *remote = NULL;
		const char *url = NULL;

		if (git_remote_lookup(&remote, repository, names.strings[i]) == 0)
			url = git_remote_url(remote);
		kind = url != NULL && remote_url_is_same(settings, url) ? EXISTING_SAME
									: EXISTING_OTHER;
		git_remote_free(remote);
		if (kind == EXISTING_SAME)
			break;
	}
	if (kind == EXISTING_OTHER)
		(void)err_set(reason, ERR_PROTOCOL, "none of its remotes is CLONE_URL");
	git_strarray_dispose(&names);
	return kind;
}

enum existing_repository
existing_repository_check(const struct clone_settings *settings, struct err *reason)
{
	git_repository *repository = NULL;
	enum existing_repository kind;

	if (git_libgit2_init() < 0) {
		(void)err_set(reason, ERR_SYSTEM, "libgit2 initialization failed");
		return EXISTING_UNREADABLE;
	}
	if (git_steps_read_no_configuration() < 0 ||
	    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1) < 0 ||
	    git_repository_open_ext(&repository, settings->dir, GIT_REPOSITORY_OPEN_NO_SEARCH,
				    NULL) < 0)
		kind = closed(reason);
	else
		kind = compare_remotes(repository, settings, reason);
	git_repository_free(repository);
	git_libgit2_shutdown();
	return kind;
}
