/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches the history of a shallow clone: everything is received into a separate bare repository,
 * where connectivity is checked as in any clone, and then made visible to git in this order: packs,
 * missing refs, and finally the new list of shallow commits.
 *
 * Everything is fetched again rather than only what is missing, so that the pack is self-contained
 * whatever has happened to the repository meanwhile.
 */
#include "clone/history/git_history.h"

#include <stdlib.h>

#include "base/log/log.h"
#include "clone/git/git_steps.h"
#include "clone/git_clone.h"
#include "clone/history/history.h"
#include "clone/history/ref_merge.h"
#include "clone/remote_url.h"

#define PACKED_REFS	"packed-refs"
#define SHALLOW		"shallow"
#define TEXT_MAX_BYTES	(1024u * 1024u * 1024u)
#define INDEX_MAX_BYTES 8192u

struct names {
	char **items;
	size_t count;
	size_t size;
};

static bool
fail_git(struct clone_failure *f, const char *step)
{
	const git_error *last = git_error_last();

	return failure_set(f, CLONE_PROBLEM_INTERNAL, "%s: %s", step,
			   last == NULL ? "no message" : last->message);
}

static int
on_name(const char *name, void *arg)
{
	struct names *names = arg;

	if (names->count == names->size) {
		size_t size = names->size == 0 ? 256 : 2 * names->size;
		char **items = reallocarray(names->items, size, sizeof(*items));

		if (items == NULL)
			return GIT_ERROR;
		names->items = items;
		names->size = size;
	}
	names->items[names->count] = strdup(name);
	return names->items[names->count++] == NULL ? GIT_ERROR : 0;
}

static void
names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether the remote still exists with this URL. A remote that was renamed or points elsewhere gets
 * no refs. */
static bool
is_still_origin(git_repository *repository, const struct clone_settings *settings)
{
	git_remote *remote = NULL;
	const char *url = NULL;
	bool is;

	if (git_remote_lookup(&remote, repository, "origin") == 0)
		url = git_remote_url(remote);
	is = url != NULL && remote_url_is_same(settings, url);
	git_remote_free(remote);
	return is;
}

static bool
merge_refs(const struct history *h, const struct names *names, struct buf *out,
	   struct clone_failure *f)
{
	const struct ref_names taken = {(const char *const *)names->items, names->count};
	struct err e = ERR_INIT;
	struct buf old;
	struct buf fresh;
	size_t added = 0;
	bool ok;

	buf_init(&old, TEXT_MAX_BYTES);
	buf_init(&fresh, TEXT_MAX_BYTES);
	ok = history_read(h->git_fd, PACKED_REFS, &old, f) &&
	     history_read(h->mark_fd, "repository/" PACKED_REFS, &fresh, f);
	if (ok && !ref_merge(buf_view(&old), buf_view(&fresh), &taken, out, &added, &e))
		ok = failure_set(f, CLONE_PROBLEM_INTERNAL, "%s", e.text);
	/* Nothing to add: keep the file. */
	if (ok && added == 0)
		buf_clear(out);
	buf_fini(&old);
	buf_fini(&fresh);
	return ok;
}

/* Refs are read under the lock, so that no other process packs or removes one meanwhile. */
static bool
add_refs(const struct history *h, git_repository *repository, struct clone_failure *f)
{
	int lock = history_lock(h, PACKED_REFS, f);
	struct names names = {NULL, 0, 0};
	struct buf text;
	bool ok;

	if (lock < 0)
		return false;
	buf_init(&text, TEXT_MAX_BYTES);
	ok = git_reference_foreach_name(repository, on_name, &names) == 0 || fail_git(f, "refs");
	if (ok && names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare);
	ok = ok && merge_refs(h, &names, &text, f);
	if (ok && text.len > 0)
		ok = history_replace(h, PACKED_REFS, lock, buf_view(&text), f);
	else
		history_unlock(h, PACKED_REFS, lock);
	names_free(&names);
	buf_fini(&text);
	return ok;
}

/* Opens an object database of the received packs alone. */
static git_odb *
open_packs(const struct history *h)
{
	struct str rest = buf_view(&h->packs);
	git_odb_backend *backend = NULL;
	git_odb *odb = NULL;
	struct buf path;
	struct str name;
	int code = git_odb_new(&odb);

	buf_init(&path, INDEX_MAX_BYTES);
	while (code == 0 && rest.len > 0 && str_next(&rest, '\n', &name)) {
		buf_clear(&path);
		code = buf_addf(&path, "%s/objects/pack/pack-%.*s.idx", h->git, STR_FMT(name)) &&
				       buf_add_byte(&path, '\0')
			       ? git_odb_backend_one_pack(&backend, path.data)
			       : GIT_ERROR;
		if (code == 0)
			code = git_odb_add_backend(odb, backend, 1);
	}
	buf_fini(&path);
	if (code == 0)
		return odb;
	git_odb_free(odb);
	return NULL;
}

/* Received packs are as complete as the server's, so their commits are no longer shallow. Other
 * shallow commits remain: they belong to other remotes or are gone from this one. */
static bool
keep_others(git_odb *odb, struct str shallow, struct buf *out)
{
	struct str line;
	git_oid id;

	while (shallow.len > 0 && str_next(&shallow, '\n', &line)) {
		if (line.len == 0 ||
		    (line.len == GIT_OID_HEXSZ && git_oid_fromstrn(&id, line.data, line.len) == 0 &&
		     git_odb_exists(odb, &id) == 1))
			continue;
		if (!buf_add_str(out, line) || !buf_add_byte(out, '\n'))
			return false;
	}
	return true;
}

static bool
unshallow(const struct history *h, struct clone_failure *f)
{
	int lock = history_lock(h, SHALLOW, f);
	git_odb *odb = lock < 0 ? NULL : open_packs(h);
	struct buf text;
	struct buf rest;
	bool ok;

	if (lock < 0)
		return false;
	buf_init(&text, TRANSPORT_SHALLOW_MAX_BYTES);
	buf_init(&rest, TRANSPORT_SHALLOW_MAX_BYTES);
	ok = (odb != NULL || fail_git(f, "open the received packs")) &&
	     history_read(h->git_fd, SHALLOW, &text, f);
	if (ok && !keep_others(odb, buf_view(&text), &rest))
		ok = failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	/* Keep the shallow commits where the server's own history ends. */
	ok = ok && history_read(h->mark_fd, "repository/" SHALLOW, &rest, f);
	if (ok && rest.len > 0)
		log_warn(NULL, "history: some commits remain shallow, because the server no longer "
			       "has their parents");
	if (ok)
		ok = history_replace(h, SHALLOW, lock, buf_view(&rest), f);
	else
		history_unlock(h, SHALLOW, lock);
	git_odb_free(odb);
	buf_fini(&text);
	buf_fini(&rest);
	return ok;
}

static bool
receive(const struct git_request *request, struct history *h, struct clone_failure *f)
{
	struct git_request own = *request;

	own.target_dir = h->repository;
	own.is_bare = true;
	own.leave_network = NULL; /* stays until the download is recorded */
	if (history_clear(h, f) && git_clone_run(&own, f) && history_set_received(h, f))
		return true;
	history_discard(h);
	return false;
}

/* Publishes in an order that leaves a valid repository after every step. */
static bool
show(struct transfer *t, struct history *h)
{
	struct clone_failure *f = t->failure;
	bool is_origin;

	if (!git_steps_set_options(t))
		return false;
	if (git_repository_open_ext(&t->repository, h->git,
				    GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_NO_DOTGIT,
				    NULL) < 0)
		return fail_git(f, "open the repository");
	is_origin = is_still_origin(t->repository, t->request->settings);
	if (!history_publish(h, f) || (is_origin && !add_refs(h, t->repository, f)))
		return false;
	if (is_origin)
		history_set_remote_head(h);
	if (!unshallow(h, f))
		return false;
	history_finish(h);
	return true;
}

bool
git_history_run(const struct git_request *request, struct clone_failure *f)
{
	struct transfer t = {.request = request, .failure = f};
	struct history h;
	bool ok = history_init(&h, request->target_dir, f) &&
		  (h.is_received || receive(request, &h, f));

	if (ok && request->leave_network != NULL)
		request->leave_network();
	if (ok && git_libgit2_init() < 0) {
		ok = failure_set(f, CLONE_PROBLEM_INTERNAL, "libgit2 does not start");
	} else if (ok) {
		ok = show(&t, &h);
		git_repository_free(t.repository);
		git_libgit2_shutdown();
	}
	history_fini(&h);
	return ok;
}
