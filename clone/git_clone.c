/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones with libgit2 1.5 step by step instead of git_clone, so that a missing branch is detected
 * before anything is received.
 *
 * Network: clone/git/transport; received packs: clone/pack/indexer.
 */
#include "clone/git_clone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clone/checkout/git_checkout.h"
#include "clone/git/git_fetch.h"
#include "clone/git/git_refs.h"
#include "clone/git/git_steps.h"
#include "clone/git_submodules.h"
#include "clone/lfs/lfs.h"

#define HELPER_MAX_BYTES 32768u

#define LINK_MAX_BYTES 16384u

static struct str
without_slash(struct str path)
{
	while (path.len > 1 && (path.data[path.len - 1] == '/' || path.data[path.len - 1] == '\n'))
		path.len--;
	return path;
}

static int
tidy_worktree(git_repository *repository)
{
	git_config *config = NULL;
	git_buf value = {0};
	struct buf path;
	int code = git_repository_config(&config, repository);

	buf_init(&path, LINK_MAX_BYTES);
	if (code == 0)
		code = git_config_get_string_buf(&value, config, "core.worktree");
	if (code == 0)
		code = buf_add_str(&path, without_slash((struct str){value.ptr, value.size})) &&
				       buf_add_byte(&path, '\0')
			       ? git_config_set_string(config, "core.worktree", path.data)
			       : GIT_ERROR;
	git_config_free(config);
	git_buf_dispose(&value);
	buf_fini(&path);
	return code;
}

static bool
tidy_file(const char *path)
{
	char text[LINK_MAX_BYTES];
	FILE *file = fopen(path, "r+e");
	struct str link;
	bool ok;

	if (file == NULL)
		return false;
	link = without_slash((struct str){text, fread(text, 1, sizeof(text), file)});
	ok = fseek(file, 0, SEEK_SET) == 0 && ftruncate(fileno(file), 0) == 0 &&
	     fprintf(file, "%.*s\n", STR_FMT(link)) > 0;
	return fclose(file) == 0 && ok;
}

/* Writes them as git does, after libgit2, which ends them in '/': core.worktree, and the .git file
 * of the work tree at request->target_dir. */
static bool
gitlink_tidy(struct transfer *t)
{
	struct buf path;
	int code = tidy_worktree(t->repository);
	bool ok;

	if (code < 0)
		return git_steps_fail(t, code, "set core.worktree");
	buf_init(&path, LINK_MAX_BYTES);
	ok = buf_addf(&path, "%s/.git", t->request->target_dir) && buf_add_byte(&path, '\0') &&
	     tidy_file(path.data);
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write the .git file of a submodule");
}

/* Formats "credential.<scheme>://<authority>.helper". */
static bool
add_key(struct buf *out, struct str url)
{
	size_t start = str_find(url, STR("://"));
	size_t len = SIZE_MAX;

	if (start != SIZE_MAX)
		len = str_find_byte(str_skip(url, start + 3), '/');
	if (len != SIZE_MAX)
		url = str_take(url, start + 3 + len);
	buf_addf(out, "credential.%.*s.helper", STR_FMT(url));
	return buf_add_byte(out, '\0');
}

/* libgit2 1.5 does not escape values of multivars. */
static bool
add_escaped(struct buf *out, struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] == '"' || value.data[i] == '\\')
			buf_add_byte(out, '\\');
		buf_add_byte(out, value.data[i]);
	}
	return buf_add_byte(out, '\0');
}

/* Sets credential.<origin>.helper of the repository to request->helper, if there is one. */
static bool
git_credential_configure(struct transfer *t)
{
	const struct git_request *request = t->request;
	git_config *config = NULL;
	struct buf key;
	struct buf value;
	int code = GIT_ERROR;

	if (request->helper == NULL)
		return true;
	buf_init(&key, URL_MAX_BYTES + 64);
	buf_init(&value, HELPER_MAX_BYTES);
	if (add_key(&key, str_from(request->url)) && add_escaped(&value, str_from(request->helper)))
		code = git_repository_config(&config, t->repository);
	if (code == 0)
		code = git_config_set_string(config, key.data, "");
	if (code == 0) /* matches no existing value, so this adds one */
		code = git_config_set_multivar(config, key.data, "^.+$", value.data);
	git_config_free(config);
	buf_fini(&key);
	buf_fini(&value);
	return code == 0 || git_steps_fail(t, code, "configure credentials");
}

static bool
make_repository(struct transfer *t)
{
	const char *place = t->request->target_dir;
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
		options.workdir_path = t->request->target_dir;
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
		.indexer = {.memory_max_bytes = (size_t)request->settings->memory_bytes,
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
	noncanonical_trees_fini(&t.noncanonical_trees);
	git_repository_free(t.repository);
	git_libgit2_shutdown();
	buf_fini(&t.shallow);
	free(t.default_branch);
	free(t.branch);
	free(t.tag);
	free(t.extra);
	free(t.unborn);
	/* If our callback stopped libgit2, no failure has been recorded yet. */
	return ok || failure_set(f, CLONE_PROBLEM_INTERNAL, "stopped");
}
