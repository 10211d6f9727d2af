/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones submodules, as `git submodule update --init` does: the repository in modules/<name>, a
 * .git file at the path, a detached HEAD at the commit of the gitlink.
 *
 * GitLab's submodules are cloned with its credentials, those of CLONE_ORIGINS without. A submodule
 * that cannot be cloned is logged; the clone itself succeeds.
 */
#include "clone/git_submodules.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log/log.h"
#include "clone/git/git_object.h"
#include "clone/git/gitmodules.h"
#include "clone/git_clone.h"
#include "clone/remote_url.h"
#include "clone/target/tree.h"

#define ARENA_MAX_BYTES (8u * 1024u * 1024u)
#define PLACE_MAX_BYTES 8192u
/* Warnings about a .gitmodules; more are only counted. */
#define WARNINGS_MAX 20u

struct submodule {
	struct transfer *parent;
	const struct gitmodule *entry;
	struct arena *arena;
	bool is_last;
	char commit[GIT_OID_HEXSZ + 1];
	struct clone_settings settings; /* with the submodule's URL */
	struct buf url;
	struct buf work;    /* work tree */
	struct buf git_dir; /* git directory */
	struct clone_progress last;
};

static void
add_received(struct clone_progress *sum, const struct clone_progress *p)
{
	sum->counters.bytes += p->counters.bytes;
	sum->lfs.objects_done += p->lfs.objects_done;
	sum->lfs.objects_total += p->lfs.objects_total;
	sum->lfs.bytes_done += p->lfs.bytes_done;
	sum->lfs.bytes_total += p->lfs.bytes_total;
}

/* Only the bytes and LFS files of a submodule count towards the parent's progress. */
static bool
on_progress(const struct clone_progress *p, void *arg)
{
	struct submodule *s = arg;
	struct transfer *parent = s->parent;
	struct clone_progress sum = parent->progress;

	s->last = *p;
	add_received(&sum, p);
	parent->progress.notes |= p->notes;
	sum.notes = parent->progress.notes;
	return parent->request->on_progress(&sum, parent->request->arg);
}

/* Finds the commit of the gitlink at its path. False: there is none. */
static bool
find_commit(struct submodule *s)
{
	git_tree *tree = NULL;
	git_tree_entry *entry = NULL;
	const char *path = arena_dup(s->arena, s->entry->path);
	bool ok = path != NULL && !str_is_empty(s->entry->path) &&
		  git_object_head_tree(s->parent->repository, &tree) == 0 &&
		  git_tree_entry_bypath(&entry, tree, path) == 0 &&
		  git_tree_entry_type(entry) == GIT_OBJECT_COMMIT;

	if (ok)
		git_oid_tostr(s->commit, sizeof(s->commit), git_tree_entry_id(entry));
	git_tree_entry_free(entry);
	git_tree_free(tree);
	return ok;
}

/* Resolves the submodule's URL relative to the parent's. */
static bool
find_url(struct submodule *s, struct clone_failure *f)
{
	struct err e = ERR_INIT;
	struct buf text;
	bool ok;

	buf_init(&text, URL_MAX_BYTES);
	ok = gitmodules_resolve_url(str_from(s->parent->request->url), s->entry->url, &text, &e);
	/* Most repositories name GitLab by its ssh address, for which there is no key. */
	if (ok && remote_url_append_gitlab(&s->settings, buf_view(&text), &s->url))
		buf_add_str(&s->url, STR(".git"));
	else if (ok)
		buf_add_str(&s->url, buf_view(&text));
	ok = ok && (buf_add_byte(&s->url, '\0') || err_set(&e, ERR_LIMIT, "it is too long"));
	buf_fini(&text);
	return ok || failure_set(f, CLONE_PROBLEM_REFUSED, "its URL: %s", e.text);
}

/* Checks that the URL may be cloned, and spells it as that of any clone. */
static bool
check_url(struct submodule *s, struct clone_failure *f)
{
	struct err e = ERR_INIT;

	if (!url_parse(&s->settings.url, str_from(s->url.data), s->arena, &e))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "its URL: %s", e.text);
	if (!remote_url_is_allowed(&s->settings))
		return failure_set(f, CLONE_PROBLEM_REFUSED,
				   "its URL is neither on GitLab nor in CLONE_ORIGINS");
	buf_clear(&s->url);
	return remote_url_check(&s->settings, f) &&
	       ((remote_url_append(&s->settings, &s->url) && buf_add_byte(&s->url, '\0')) ||
		failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory"));
}

/* Fails if another submodule's git directory is the same or contains this one, because it would be
 * overwritten. */
static bool
find_place(struct submodule *s, struct clone_failure *f)
{
	git_repository *parent = s->parent->repository;
	struct str rest = s->entry->name;
	struct str part;
	struct stat st;
	bool ok = buf_addf(&s->work, "%s%.*s", git_repository_workdir(parent),
			   STR_FMT(s->entry->path)) &&
		  buf_add_byte(&s->work, '\0') &&
		  buf_addf(&s->git_dir, "%smodules", git_repository_path(parent));

	while (ok && str_next(&rest, '/', &part)) {
		char head[PLACE_MAX_BYTES + 8];

		ok = buf_addf(&s->git_dir, "/%.*s", STR_FMT(part));
		snprintf(head, sizeof(head), "%.*s/HEAD", STR_FMT(buf_view(&s->git_dir)));
		if (ok && lstat(head, &st) == 0)
			return failure_set(f, CLONE_PROBLEM_REFUSED,
					   "another submodule uses its git directory");
	}
	if (!ok || !buf_add_byte(&s->git_dir, '\0'))
		return failure_set(f, CLONE_PROBLEM_REFUSED, "its name or path is too long");
	if (lstat(s->git_dir.data, &st) == 0)
		return failure_set(f, CLONE_PROBLEM_REFUSED, "its git directory exists already");
	return true;
}

static int
set_variable(git_config *config, const struct submodule *s, const char *variable, const char *value)
{
	struct buf key;
	int code = GIT_ERROR;

	buf_init(&key, 2 * (size_t)PLACE_MAX_BYTES);
	if (buf_addf(&key, "submodule.%.*s.%s", STR_FMT(s->entry->name), variable) &&
	    buf_add_byte(&key, '\0'))
		code = git_config_set_string(config, key.data, value);
	buf_fini(&key);
	return code;
}

/* Sets submodule.<name>.active, .url and .update, as `git submodule init` does. */
static bool
note_in_config(struct submodule *s, struct clone_failure *f)
{
	git_config *config = NULL;
	int code = git_repository_config(&config, s->parent->repository);

	if (code == 0)
		code = set_variable(config, s, "active", "true");
	if (code == 0)
		code = set_variable(config, s, "url", s->url.data);
	if (code == 0 && s->entry->update != NULL)
		code = set_variable(config, s, "update", s->entry->update);
	git_config_free(config);
	return code == 0 ||
	       failure_set(f, CLONE_PROBLEM_INTERNAL, "cannot write the configuration");
}

static bool
clone_one(struct submodule *s, struct clone_failure *f)
{
	const struct git_request *above = s->parent->request;
	bool is_gitlab = remote_url_is_gitlab(&s->settings);
	struct git_request request = *above;
	uint64_t received = s->parent->progress.counters.bytes;
	bool ok;

	/* The limit is for all repositories together. */
	request.bytes_max = received < above->bytes_max ? above->bytes_max - received : 0;
	request.url = s->url.data;
	request.ref = NULL;
	request.depth = s->entry->is_shallow ? 1 : 0;
	request.keeps_all_branches = false;
	request.token = is_gitlab ? above->gitlab_token : NULL;
	request.helper = is_gitlab ? above->settings->helper : NULL;
	request.commit = s->commit;
	request.target_dir = s->work.data;
	request.git_dir = s->git_dir.data;
	request.submodules = above->submodules - 1;
	request.on_progress = on_progress;
	request.arg = s;
	request.fetches_later = above->fetches_later || !s->is_last;
	ok = git_clone_run(&request, f);
	add_received(&s->parent->progress, &s->last);
	return ok;
}

/* Counts submodules of all levels together. */
static bool
take_one(const struct git_request *request, struct clone_failure *f)
{
	if (*request->submodules_left == 0)
		return failure_set(f, CLONE_PROBLEM_REFUSED, "too many submodules");
	--*request->submodules_left;
	return true;
}

/* Leaves an empty directory, as git does for a submodule that was not fetched. */
static void
remove_half(struct submodule *s)
{
	(void)tree_remove(AT_FDCWD, s->work.data);
	(void)tree_remove(AT_FDCWD, s->git_dir.data);
	(void)mkdir(s->work.data, 0777);
}

/* Whether "update = none" is set: such a submodule is only registered, as by git, wherever it
 * is. */
static bool
is_skipped(const struct submodule *s)
{
	return s->entry->update != NULL && strcmp(s->entry->update, "none") == 0;
}

static bool
clone_and_note(struct submodule *s, struct clone_failure *f)
{
	bool has_place = false;
	bool is_cloned = !is_skipped(s);
	bool ok = find_url(s, f) && (!is_cloned || check_url(s, f));

	if (ok && is_cloned)
		ok = take_one(s->parent->request, f) && (has_place = find_place(s, f)) &&
		     clone_one(s, f);
	ok = ok && note_in_config(s, f);
	if (!ok && has_place)
		remove_half(s);
	return ok;
}

static void
run_one(struct transfer *t, const struct gitmodule *entry, bool is_last, struct arena *arena)
{
	struct submodule s = {.parent = t,
			      .entry = entry,
			      .arena = arena,
			      .is_last = is_last,
			      .settings = *t->request->settings};
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};

	if (!find_commit(&s))
		return;
	buf_init(&s.url, URL_MAX_BYTES);
	buf_init(&s.work, PLACE_MAX_BYTES);
	buf_init(&s.git_dir, PLACE_MAX_BYTES);
	if (!clone_and_note(&s, &failure)) {
		t->progress.notes |= CLONE_NOTE_SUBMODULES;
		log_warn(NULL, "submodule not cloned", log_str("submodule", entry->name),
			 log_cstr("problem", clone_problem_name(failure.problem)),
			 log_err(&failure.detail));
	}
	buf_fini(&s.url);
	buf_fini(&s.work);
	buf_fini(&s.git_dir);
}

struct issue_report {
	struct transfer *transfer;
	size_t count;
};

static void
on_issue(const struct gitmodules_issue *issue, void *arg)
{
	struct issue_report *parts = arg;

	if (issue->is_lost)
		parts->transfer->progress.notes |= CLONE_NOTE_SUBMODULES;
	if (parts->count++ >= WARNINGS_MAX)
		return;
	log_warn(NULL, "part of .gitmodules ignored", log_str("submodule", issue->name),
		 log_int("line", (int64_t)issue->line), log_cstr("reason", issue->why));
}

/* Reads the .gitmodules of HEAD's tree; NULL: there is none. */
static git_blob *
find_modules(struct transfer *t)
{
	git_tree *tree = NULL;
	git_blob *blob = NULL;
	const git_tree_entry *entry = NULL;

	if (git_object_head_tree(t->repository, &tree) == 0)
		entry = git_tree_entry_byname(tree, ".gitmodules");
	if (entry != NULL && git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
		(void)git_blob_lookup(&blob, t->repository, git_tree_entry_id(entry));
	git_tree_free(tree);
	return blob;
}

static bool
read_modules(struct transfer *t, struct gitmodules *m, struct arena *arena)
{
	git_blob *blob = find_modules(t);
	struct issue_report issue = {.transfer = t};
	struct err e = ERR_INIT;
	bool ok;

	if (blob == NULL)
		return false;
	ok = gitmodules_parse(
		m, (struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)}, arena,
		on_issue, &issue, &e);
	git_blob_free(blob);
	if (issue.count > WARNINGS_MAX)
		log_warn(NULL, "further parts of .gitmodules ignored",
			 log_int("count", (int64_t)(issue.count - WARNINGS_MAX)));
	if (!ok) {
		t->progress.notes |= CLONE_NOTE_SUBMODULES;
		log_warn(NULL, "submodules not cloned", log_err(&e));
	}
	return ok;
}

/* Whether a later entry has the same path. The last one counts, as in git. */
static bool
is_overridden(const struct gitmodules *m, size_t index)
{
	for (size_t i = index + 1; i < m->count; i++) {
		if (str_equal(m->items[i].path, m->items[index].path))
			return true;
	}
	return false;
}

static void
run_all(struct transfer *t, const struct gitmodules *m, struct arena *arena)
{
	size_t last = m->count;

	while (last > 0 && is_overridden(m, last - 1))
		last--;
	for (size_t i = 0; i < m->count; i++) {
		if (!is_overridden(m, i))
			run_one(t, &m->items[i], i + 1 == last, arena);
	}
}

void
git_submodules_run(struct transfer *t)
{
	struct gitmodules modules;
	struct arena arena;

	if (t->request->submodules == 0 || git_repository_head_unborn(t->repository) == 1)
		return;
	arena_init(&arena, ARENA_MAX_BYTES);
	if (read_modules(t, &modules, &arena))
		run_all(t, &modules, &arena);
	arena_fini(&arena);
	(void)t->request->on_progress(&t->progress, t->request->arg);
}
