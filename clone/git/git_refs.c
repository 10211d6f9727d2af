/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the ref to check out, and writes the refs and configuration that `git clone` leaves.
 */
#include "clone/git/git_refs.h"

#include <stdlib.h>

#include "clone/git/git_object.h"

#define BRANCH_MAX_BYTES 900u

static const git_remote_head *
find_head(const git_remote_head **heads, size_t count, const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < count; i++) {
		if (strncmp(heads[i]->name, prefix, len) == 0 &&
		    strcmp(heads[i]->name + len, name) == 0)
			return heads[i];
	}
	return NULL;
}

static bool
choose_named(struct transfer *t, const git_remote_head **heads, size_t count)
{
	const char *ref = t->request->ref;
	const git_remote_head *head = find_head(heads, count, "refs/heads/", ref);

	if (head != NULL) {
		t->branch = strdup(ref);
		return t->branch != NULL ||
		       failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
	}
	head = find_head(heads, count, "refs/tags/", ref);
	if (head == NULL)
		return failure_set(t->failure, CLONE_PROBLEM_REF, "no branch or tag \"%s\"", ref);
	t->tag = strdup(head->name);
	return t->tag != NULL || failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
}

static bool
check_default_branch(struct transfer *t)
{
	if (t->default_branch == NULL || strlen(t->default_branch) <= BRANCH_MAX_BYTES)
		return true;
	return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
			   "the name of the default branch exceeds %u bytes", BRANCH_MAX_BYTES);
}

bool
git_refs_choose(struct transfer *t)
{
	const git_remote_head **heads = NULL;
	const git_remote_head *head;
	git_buf name = {0};
	size_t count = 0;
	int code = git_remote_ls(&heads, &count, t->remote);

	if (code < 0)
		return git_steps_fail(t, code, "list refs");
	if (git_remote_default_branch(&name, t->remote) == 0 &&
	    strncmp(name.ptr, "refs/heads/", 11) == 0)
		t->default_branch = strdup(name.ptr);
	git_buf_dispose(&name);
	if (!check_default_branch(t))
		return false;
	if (t->request->commit != NULL) {
		t->has_detached = git_oid_fromstr(&t->detached, t->request->commit) == 0;
		return t->has_detached;
	}
	if (t->request->ref != NULL)
		return choose_named(t, heads, count);
	head = find_head(heads, count, "HEAD", "");
	if (t->default_branch != NULL) {
		t->branch = strdup(t->default_branch + 11);
	} else if (head != NULL) {
		t->detached = head->oid;
		t->has_detached = true;
	}
	return true;
}

/* Sets branch.<name>.remote and .merge, as `git clone` does. */
static int
track_branch(struct transfer *t, const char *branch)
{
	struct buf key;
	struct buf value;
	git_config *config = NULL;
	int code = git_repository_config(&config, t->repository);

	buf_init(&key, 1024);
	buf_init(&value, 1024);
	if (code == 0 && buf_addf(&key, "branch.%s.remote", branch))
		code = git_config_set_string(config, key.data, "origin");
	buf_clear(&key);
	if (code == 0 && buf_addf(&key, "branch.%s.merge", branch) &&
	    buf_addf(&value, "refs/heads/%s", branch))
		code = git_config_set_string(config, key.data, value.data);
	buf_fini(&key);
	buf_fini(&value);
	git_config_free(config);
	return code;
}

static int
set_branch(struct transfer *t)
{
	git_reference *reference = NULL;
	git_oid id;
	struct buf name;
	int code = GIT_ERROR;

	buf_init(&name, 1024);
	if (buf_addf(&name, "refs/remotes/origin/%s", t->branch))
		code = git_reference_name_to_id(&id, t->repository, name.data);
	buf_clear(&name);
	if (code == 0 && buf_addf(&name, "refs/heads/%s", t->branch))
		code = git_reference_create(&reference, t->repository, name.data, &id, 0, "clone");
	if (code == 0)
		code = track_branch(t, t->branch);
	if (code == 0)
		code = git_repository_set_head(t->repository, name.data);
	git_reference_free(reference);
	buf_fini(&name);
	return code;
}

static int
detach_head(struct transfer *t, const git_oid *commit)
{
	git_reference *head = NULL;
	int code = git_reference_create(&head, t->repository, "HEAD", commit, 1, "clone");

	git_reference_free(head);
	return code;
}

static int
set_tag(struct transfer *t)
{
	git_odb *odb = NULL;
	git_object_t type = GIT_OBJECT_INVALID;
	git_oid id;
	git_oid commit;
	int code = git_reference_name_to_id(&id, t->repository, t->tag);

	if (code == 0)
		code = git_repository_odb(&odb, t->repository);
	if (code == 0)
		code = git_object_follow_tags(odb, &id, &commit, &type);
	git_odb_free(odb);
	if (code == 0 && type != GIT_OBJECT_COMMIT) {
		git_error_set_str(GIT_ERROR_OBJECT, "the tag does not name a commit");
		code = GIT_ERROR;
	}
	return code == 0 ? detach_head(t, &commit) : code;
}

/* Sets refs/remotes/origin/HEAD, so that `origin` names the default branch. */
static int
set_remote_head(struct transfer *t)
{
	git_reference *reference = NULL;
	struct buf name;
	int code = GIT_ERROR;

	buf_init(&name, 1024);
	if (buf_addf(&name, "refs/remotes/origin/%s", t->default_branch + 11))
		code = git_reference_symbolic_create(&reference, t->repository,
						     "refs/remotes/origin/HEAD", name.data, 1,
						     "clone");
	git_reference_free(reference);
	buf_fini(&name);
	return code;
}

/* With a depth only one branch was fetched. */
static bool
has_default_branch(const struct transfer *t)
{
	return t->request->depth == 0 ||
	       (t->branch != NULL && strcmp(t->branch, t->default_branch + 11) == 0);
}

bool
git_refs_set(struct transfer *t)
{
	int code = 0;

	if (t->default_branch != NULL && has_default_branch(t))
		code = set_remote_head(t);
	if (t->request->is_bare)
		return code == 0 || git_steps_fail(t, code, "set the remote's HEAD");
	if (code == 0 && t->branch != NULL)
		code = set_branch(t);
	else if (code == 0 && t->tag != NULL)
		code = set_tag(t);
	else if (code == 0 && t->has_detached)
		code = detach_head(t, &t->detached);
	else if (code == 0)
		code = track_branch(t, "main");
	return code == 0 || git_steps_fail(t, code, "set HEAD");
}
