/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the ref to check out, and writes the same refs and configuration as `git clone`.
 */
#include "clone/git/git_refs.h"

#include <stdlib.h>

#include "base/ascii.h"
#include "base/log/log.h"
#include "clone/git/git_object.h"
#include "clone/git/remote_head.h"

#define BRANCH_MAX_BYTES 900u
#define HEADS		 "refs/heads/"
/* Git's init.defaultBranch. */
#define INITIAL_BRANCH HEADS "main"

struct head_list {
	const git_remote_head **items;
	size_t count;
};

static const git_remote_head *
find_head(const struct head_list *heads, const char *prefix, const char *name)
{
	size_t len = strlen(prefix);

	for (size_t i = 0; i < heads->count; i++) {
		if (strncmp(heads->items[i]->name, prefix, len) == 0 &&
		    strcmp(heads->items[i]->name + len, name) == 0)
			return heads->items[i];
	}
	return NULL;
}

static bool
set_text(struct transfer *t, char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	return *field != NULL || failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
}

static bool
set_detached(struct transfer *t, const git_oid *id, const char *source)
{
	t->detached = *id;
	t->has_detached = true;
	return set_text(t, &t->extra, source);
}

/* Returns the name of a listed ref with this id; NULL: none. */
static const char *
find_listed(const struct head_list *heads, const git_oid *id)
{
	for (size_t i = 0; i < heads->count; i++) {
		if (git_oid_equal(&heads->items[i]->oid, id) &&
		    strncmp(heads->items[i]->name, "refs/", 5) == 0)
			return heads->items[i]->name;
	}
	return NULL;
}

/* Chooses a commit. If no listed ref has it, it may still be in a branch: requests it by its id if
 * the server allows that. */
static bool
choose_commit(struct transfer *t, const struct head_list *heads, const char *hex)
{
	const char *name;

	if (git_oid_fromstr(&t->detached, hex) < 0)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "not an object id");
	t->has_detached = true;
	name = find_listed(heads, &t->detached);
	if (name == NULL && !t->takes_ids)
		return true;
	return set_text(t, &t->extra, name == NULL ? hex : name);
}

/* With a depth also fetches a submodule's default branch. */
static bool
choose_submodule(struct transfer *t, const struct head_list *heads)
{
	return choose_commit(t, heads, t->request->commit) &&
	       (t->request->depth == 0 || t->default_branch == NULL ||
		set_text(t, &t->branch, t->default_branch + sizeof(HEADS) - 1));
}

static bool
is_object_id(const char *ref)
{
	return strlen(ref) == GIT_OID_HEXSZ && ascii_all_lower_hex(str_from(ref));
}

static bool
choose_named(struct transfer *t, const struct head_list *heads)
{
	const char *ref = t->request->ref;
	const char *name =
		strncmp(ref, HEADS, sizeof(HEADS) - 1) == 0 ? ref + sizeof(HEADS) - 1 : ref;
	const git_remote_head *head = find_head(heads, HEADS, name);

	if (head != NULL)
		return set_text(t, &t->branch, name);
	head = find_head(heads, "refs/tags/", ref);
	if (head == NULL && strncmp(ref, "refs/tags/", 10) == 0)
		head = find_head(heads, "", ref);
	if (head != NULL)
		return set_text(t, &t->tag, head->name);
	if (is_object_id(ref))
		return choose_commit(t, heads, ref);
	head = strncmp(ref, "refs/", 5) == 0 ? find_head(heads, "", ref) : NULL;
	if (head != NULL)
		return set_detached(t, &head->oid, ref);
	return t->request->is_bare ||
	       failure_set(t->failure, CLONE_PROBLEM_REF, "no branch, tag or ref \"%s\"", ref);
}

/*
 * Returns the branch that HEAD names. If the server does not tell, guesses as git does: a branch of
 * the same commit, preferably the initial branch, then master, then the first one. NULL: HEAD is
 * detached.
 */
static const git_remote_head *
guess_default(const struct head_list *heads, const git_remote_head *head)
{
	static const char *const preferred[] = {INITIAL_BRANCH, HEADS "master"};

	if (head->symref_target != NULL)
		return strncmp(head->symref_target, HEADS, sizeof(HEADS) - 1) == 0
			       ? find_head(heads, "", head->symref_target)
			       : NULL;
	for (size_t i = 0; i < sizeof(preferred) / sizeof(preferred[0]); i++) {
		const git_remote_head *found = find_head(heads, "", preferred[i]);

		if (found != NULL && git_oid_equal(&found->oid, &head->oid))
			return found;
	}
	for (size_t i = 0; i < heads->count; i++) {
		if (strncmp(heads->items[i]->name, HEADS, sizeof(HEADS) - 1) == 0 &&
		    git_oid_equal(&heads->items[i]->oid, &head->oid))
			return heads->items[i];
	}
	return NULL;
}

static bool
find_default(struct transfer *t, const struct head_list *heads, const git_remote_head *head)
{
	const git_remote_head *found = head == NULL ? NULL : guess_default(heads, head);

	if (found == NULL)
		return true;
	if (strlen(found->name) > BRANCH_MAX_BYTES)
		return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
				   "the name of the default branch exceeds %u bytes",
				   BRANCH_MAX_BYTES);
	return set_text(t, &t->default_branch, found->name);
}

/* Handles a remote without HEAD, which names a branch that does not exist. */
static bool
choose_unborn(struct transfer *t, const struct head_list *heads)
{
	const char *name = INITIAL_BRANCH;
	struct buf text;
	bool ok;

	buf_init(&text, BRANCH_MAX_BYTES + 1);
	if (remote_head_ask(&t->transport, &text) && buf_add_byte(&text, '\0') &&
	    strncmp(text.data, HEADS, sizeof(HEADS) - 1) == 0 &&
	    git_reference_is_valid_name(text.data) == 1)
		name = text.data;
	if (find_head(heads, "", name) != NULL) {
		ok = set_text(t, &t->branch, name + sizeof(HEADS) - 1);
	} else {
		ok = set_text(t, &t->unborn, name);
		if (heads->count > 0) {
			t->progress.notes |= CLONE_NOTE_NO_HEAD;
			log_warn(NULL,
				 "clone: the remote's HEAD names a branch that does not exist; "
				 "nothing is checked out",
				 log_cstr("head", name));
		}
	}
	buf_fini(&text);
	return ok;
}

bool
git_refs_choose(struct transfer *t)
{
	struct head_list heads = {NULL, 0};
	const git_remote_head *head;
	int code = git_remote_ls(&heads.items, &heads.count, t->remote);

	if (code < 0)
		return git_steps_fail(t, code, "list refs");
	head = find_head(&heads, "HEAD", "");
	if (!find_default(t, &heads, head))
		return false;
	t->is_head_detached = head != NULL && t->default_branch == NULL;
	if (t->request->commit != NULL)
		return choose_submodule(t, &heads);
	if (t->request->ref != NULL && !choose_named(t, &heads))
		return false;
	if (t->request->ref != NULL && !t->request->is_bare)
		return true;
	if (t->default_branch != NULL)
		return set_text(t, &t->branch, t->default_branch + sizeof(HEADS) - 1);
	if (head != NULL)
		return t->extra != NULL || set_detached(t, &head->oid, "HEAD");
	return t->request->is_bare || choose_unborn(t, &heads);
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

/* Creates a local branch at the commit of the remote's branch. */
static int
create_branch(struct transfer *t, const char *branch)
{
	git_reference *reference = NULL;
	git_oid id;
	struct buf name;
	int code = GIT_ERROR;

	buf_init(&name, 1024);
	if (buf_addf(&name, "refs/remotes/origin/%s", branch))
		code = git_reference_name_to_id(&id, t->repository, name.data);
	buf_clear(&name);
	if (code == 0 && buf_addf(&name, HEADS "%s", branch))
		code = git_reference_create(&reference, t->repository, name.data, &id, 0, "clone");
	if (code == 0)
		code = track_branch(t, branch);
	git_reference_free(reference);
	buf_fini(&name);
	return code;
}

static int
set_branch(struct transfer *t)
{
	struct buf name;
	int code = create_branch(t, t->branch);

	buf_init(&name, 1024);
	if (code == 0)
		code = buf_addf(&name, HEADS "%s", t->branch)
			       ? git_repository_set_head(t->repository, name.data)
			       : GIT_ERROR;
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

/* Detaches HEAD at a commit, or at the commit that a tag names. */
static int
set_detached_head(struct transfer *t, const git_oid *id)
{
	git_odb *odb = NULL;
	git_object_t type = GIT_OBJECT_INVALID;
	git_oid commit;
	int code = git_repository_odb(&odb, t->repository);

	if (code == 0)
		code = git_object_follow_tags(odb, id, &commit, &type);
	git_odb_free(odb);
	if (code == GIT_ENOTFOUND)
		failure_set(t->failure, CLONE_PROBLEM_REF,
			    "the commit is not in any branch or tag, and the server does not allow "
			    "fetching it by id");
	if (code == 0 && type != GIT_OBJECT_COMMIT) {
		git_error_set_str(GIT_ERROR_OBJECT, "the ref does not name a commit");
		code = GIT_ERROR;
	}
	return code == 0 ? detach_head(t, &commit) : code;
}

static int
set_tag(struct transfer *t)
{
	git_oid id;
	int code = git_reference_name_to_id(&id, t->repository, t->tag);

	return code == 0 ? set_detached_head(t, &id) : code;
}

/* Sets HEAD to a branch that the first commit will create. */
static int
set_unborn(struct transfer *t)
{
	const char *name = t->unborn == NULL ? INITIAL_BRANCH : t->unborn;
	int code = git_repository_set_head(t->repository, name);

	return code == 0 ? track_branch(t, name + sizeof(HEADS) - 1) : code;
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

/*
 * Whether the remote's HEAD is written. With a depth only one branch was fetched. A branch "HEAD"
 * is its own remote's HEAD: git would create a symbolic ref to itself, with which its commands
 * fail.
 */
static bool
has_default_branch(const struct transfer *t)
{
	if (strcmp(t->default_branch, HEADS "HEAD") == 0)
		return false;
	return t->request->depth == 0 ||
	       (t->branch != NULL && strcmp(t->branch, t->default_branch + 11) == 0);
}

/* Writes the reflog of an existing ref. libgit2 writes none for symbolic refs, and for HEAD the
 * message of a checkout. */
static int
write_log(struct transfer *t, const char *name, const char *message)
{
	git_signature *who = NULL;
	git_reflog *log = NULL;
	git_oid id;
	int code = git_reference_name_to_id(&id, t->repository, name);

	if (code == GIT_ENOTFOUND)
		return 0;
	if (code == 0)
		code = git_reflog_delete(t->repository, name);
	if (code == 0)
		code = git_reflog_read(&log, t->repository, name);
	if (code == 0 && git_signature_default(&who, t->repository) < 0)
		code = git_signature_now(&who, "unknown", "unknown");
	if (code == 0)
		code = git_reflog_append(log, &id, who, message);
	if (code == 0)
		code = git_reflog_write(log);
	git_signature_free(who);
	git_reflog_free(log);
	return code;
}

/* Writes the reflogs that git writes: of HEAD, its branch, and the remote's HEAD. */
static int
write_logs(struct transfer *t)
{
	const char *branch = t->branch;
	struct buf message;
	struct buf name;
	int code = GIT_ERROR;

	if (t->request->commit != NULL && t->default_branch != NULL)
		branch = t->default_branch + sizeof(HEADS) - 1;
	buf_init(&message, 2 * (size_t)URL_MAX_BYTES);
	buf_init(&name, 1024);
	if (buf_addf(&message, "clone: from %s", t->request->url) && buf_add_byte(&message, '\0') &&
	    buf_addf(&name, HEADS "%s", branch == NULL ? "" : branch))
		code = write_log(t, "HEAD", message.data);
	if (code == 0 && branch != NULL)
		code = write_log(t, name.data, message.data);
	if (code == 0)
		code = write_log(t, "refs/remotes/origin/HEAD", message.data);
	buf_fini(&message);
	buf_fini(&name);
	return code;
}

bool
git_refs_set(struct transfer *t)
{
	int code = 0;

	if (t->default_branch != NULL && has_default_branch(t))
		code = set_remote_head(t);
	if (t->request->is_bare)
		return code == 0 || git_steps_fail(t, code, "set the remote's HEAD");
	/* A submodule has its default branch too, though its HEAD is detached. */
	if (code == 0 && t->request->commit != NULL && t->default_branch != NULL)
		code = create_branch(t, t->default_branch + sizeof(HEADS) - 1);
	if (code == 0 && t->request->commit == NULL && t->branch != NULL)
		code = set_branch(t);
	else if (code == 0 && t->tag != NULL)
		code = set_tag(t);
	else if (code == 0 && t->has_detached)
		code = set_detached_head(t, &t->detached);
	else if (code == 0)
		code = set_unborn(t);
	if (code == 0)
		code = write_logs(t);
	return code == 0 || git_steps_fail(t, code, "set HEAD");
}
