/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cloning by libgit2 1.5, step by step rather than by git_clone, so that a missing branch is known
 * before anything is received.
 *
 * The network is clone/transport's, receiving packs clone/indexer's.
 */
#include "clone/git.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>

#include "clone/indexer.h"
#include "clone/transport.h"

/* A pack that claims more is refused before memory is reserved for it. */
#define OBJECTS_MAX (32u * 1024u * 1024u)
/* A few hundred objects can describe billions of files, or folders without end. */
#define FILES_MAX      5000000u
#define PATH_BYTES_MAX 4000u
/* Of the pack mapped at once: bounds what counts as our memory, costs no measurable time. */
#define WINDOW_BYTES (32u * 1024u * 1024u)
#define MAPPED_BYTES (256u * 1024u * 1024u)
/* For objects while a pack is indexed. */
#define INDEXER_BYTES (256u * 1024u * 1024u)

#ifdef SANITIZED
/* libgit2 1.5 loses the match data of every regular expression that does not match. */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}
#endif

struct transfer {
	const struct clone_git_request *request;
	struct clone_failure *failure;
	struct clone_progress progress;
	git_repository *repository;
	git_remote *remote;
	char *default_branch; /* "refs/heads/…", NULL: the remote names none */
	char *branch;	      /* short name; NULL: detached or nothing to check out */
	char *tag;	      /* "refs/tags/…" */
	git_oid detached;     /* without a branch and a tag */
	bool has_detached;
	struct buf shallow; /* ids of commits without their parents */
	struct transport_options transport;
};

enum clone_problem
clone_git_problem(int class, const char *message)
{
	/* libgit2 tells system errors apart by their text only. */
	enum clone_problem problem = failure_problem_of_text(message);

	/* What the transport did not explain itself: an answer that breaks off or is no git. */
	if (class == GIT_ERROR_HTTP || class == GIT_ERROR_NET)
		return CLONE_PROBLEM_UNREACHABLE;
	if (problem != CLONE_PROBLEM_NONE)
		return problem;
	/* A pack, an object or a path that libgit2 will not take. */
	if (class == GIT_ERROR_INDEXER || class == GIT_ERROR_ZLIB || class == GIT_ERROR_ODB ||
	    class == GIT_ERROR_OBJECT || class == GIT_ERROR_TREE || class == GIT_ERROR_INDEX ||
	    class == GIT_ERROR_CHECKOUT || class == GIT_ERROR_SHA)
		return CLONE_PROBLEM_REFUSED;
	return CLONE_PROBLEM_INTERNAL;
}

static bool
fail(struct transfer *t, int code, const char *step)
{
	const git_error *last = git_error_last();
	const char *message = last == NULL ? "no message" : last->message;
	int class = last == NULL ? GIT_ERROR_NONE : last->klass;

	return failure_set(t->failure, clone_git_problem(class, message),
			   "%s: %s (libgit2 %d, class %d)", step, message, code, class);
}

static bool
report(struct transfer *t, enum clone_phase phase)
{
	if (phase > t->progress.phase)
		t->progress.phase = phase;
	return t->request->on_progress(&t->progress, t->request->arg);
}

/* A server that prepares a large pack says nothing of it but keeps the connection alive. */
static void
on_bytes(void *arg)
{
	struct transfer *t = arg;

	(void)t->request->on_progress(&t->progress, t->request->arg);
}

static int
on_transfer(const git_indexer_progress *stats, void *arg)
{
	struct transfer *t = arg;
	struct clone_progress *p = &t->progress;

	p->objects_done = stats->received_objects;
	p->objects_total = stats->total_objects;
	p->deltas_done = stats->indexed_deltas;
	p->deltas_total = stats->total_deltas;
	p->bytes = stats->received_bytes;
	return report(t, stats->total_objects > 0 && stats->received_objects >= stats->total_objects
				 ? CLONE_RESOLVING
				 : CLONE_RECEIVING)
		       ? 0
		       : GIT_EUSER;
}

static int
on_ref(const char *name, const git_oid *from, const git_oid *to, void *arg)
{
	struct transfer *t = arg;

	(void)name;
	(void)from;
	(void)to;
	return report(t, CLONE_RESOLVING) ? 0 : GIT_EUSER;
}

static void
on_checkout(const char *path, size_t done, size_t total, void *arg)
{
	struct transfer *t = arg;

	(void)path;
	t->progress.files_done = done;
	t->progress.files_total = total;
	(void)report(t, CLONE_CHECKOUT);
}

static int
on_transport(git_transport **out, git_remote *remote, void *arg)
{
	struct transfer *t = arg;

	return transport_new(out, remote, &t->transport);
}

static void
set_callbacks(git_remote_callbacks *callbacks, struct transfer *t)
{
	callbacks->transport = on_transport;
	callbacks->transfer_progress = on_transfer;
	callbacks->update_tips = on_ref;
	callbacks->payload = t;
}

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

/* Decides what HEAD will be from what the remote offers. An empty remote leaves all unset. */
static bool
choose_head(struct transfer *t)
{
	const git_remote_head **heads = NULL;
	const git_remote_head *head;
	git_buf name = {0};
	size_t count = 0;
	int code = git_remote_ls(&heads, &count, t->remote);

	if (code < 0)
		return fail(t, code, "list refs");
	if (git_remote_default_branch(&name, t->remote) == 0 &&
	    strncmp(name.ptr, "refs/heads/", 11) == 0)
		t->default_branch = strdup(name.ptr);
	git_buf_dispose(&name);
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

static bool
make_repository(struct transfer *t)
{
	static const struct indexer_options indexer = {.memory_max_bytes = INDEXER_BYTES};
	git_repository_init_options options;
	int code;

	git_repository_init_options_init(&options, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	options.flags = GIT_REPOSITORY_INIT_NO_REINIT;
	options.initial_head = "main";
	code = git_repository_init_ext(&t->repository, t->request->into, &options);
	if (code < 0)
		return fail(t, code, "init");
	code = indexer_install(t->repository, &indexer);
	if (code < 0)
		return fail(t, code, "set up the indexer");
	code = git_remote_create(&t->remote, t->repository, "origin", t->request->url);
	return code == 0 || fail(t, code, "create origin");
}

static bool
connect_remote(struct transfer *t)
{
	git_remote_connect_options options;
	int code;

	git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	code = git_remote_connect_ext(t->remote, GIT_DIRECTION_FETCH, &options);
	return code == 0 || fail(t, code, "connect");
}

/* What is fetched of a shallow clone: the one ref, as `git clone --depth` does. */
static bool
narrow_fetch(struct transfer *t, struct buf *spec)
{
	git_config *config = NULL;
	int code;

	if (t->branch != NULL)
		buf_addf(spec, "+refs/heads/%s:refs/remotes/origin/%s", t->branch, t->branch);
	else if (t->tag != NULL)
		buf_addf(spec, "+%s:%s", t->tag, t->tag);
	if (spec->len == 0)
		return true;
	if (!buf_add_byte(spec, '\0'))
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
	code = git_repository_config(&config, t->repository);
	if (code == 0)
		code = git_config_set_string(config, "remote.origin.fetch", spec->data);
	git_config_free(config);
	return code == 0 || fail(t, code, "configure origin");
}

/* What git takes the repository's missing history from (gitrepository-layout, "shallow"). */
static bool
write_shallow(struct transfer *t)
{
	struct buf path;
	FILE *file = NULL;
	bool ok;

	if (t->shallow.len == 0)
		return true;
	buf_init(&path, 8192);
	if (buf_addf(&path, "%sshallow", git_repository_path(t->repository)))
		file = fopen(path.data, "wxe");
	ok = file != NULL && fwrite(t->shallow.data, 1, t->shallow.len, file) == t->shallow.len;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write the list of shallow commits");
}

static bool
fetch_one(struct transfer *t)
{
	struct buf spec;
	char *text;
	git_strarray specs = {&text, 1};
	git_fetch_options options;
	bool ok;

	buf_init(&spec, 4096);
	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_AUTO;
	options.update_fetchhead = 0;
	ok = narrow_fetch(t, &spec);
	if (ok) {
		text = spec.data;
		int code = git_remote_fetch(t->remote, spec.len > 0 ? &specs : NULL, &options,
					    "clone");
		ok = (code == 0 || fail(t, code, "fetch")) && write_shallow(t);
	}
	buf_fini(&spec);
	return ok;
}

static bool
fetch_all(struct transfer *t)
{
	git_fetch_options options;
	int code;

	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_ALL;
	options.update_fetchhead = 0;
	code = git_remote_fetch(t->remote, NULL, &options, "clone");
	return code == 0 || fail(t, code, "fetch");
}

/* branch.<name>.remote and .merge, as `git clone` leaves them. */
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
set_tag(struct transfer *t)
{
	git_object *object = NULL;
	git_object *commit = NULL;
	git_oid id;
	int code = git_reference_name_to_id(&id, t->repository, t->tag);

	if (code == 0)
		code = git_object_lookup(&object, t->repository, &id, GIT_OBJECT_ANY);
	if (code == 0)
		code = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (code == 0)
		code = git_repository_set_head_detached(t->repository, git_object_id(commit));
	git_object_free(object);
	git_object_free(commit);
	return code;
}

/* refs/remotes/origin/HEAD, so that `origin` alone names the default branch. */
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

/* A shallow clone has one branch only. */
static bool
has_default_branch(const struct transfer *t)
{
	return t->request->depth == 0 ||
	       (t->branch != NULL && strcmp(t->branch, t->default_branch + 11) == 0);
}

static bool
set_head(struct transfer *t)
{
	int code = 0;

	if (t->default_branch != NULL && has_default_branch(t))
		code = set_remote_head(t);
	if (code == 0 && t->branch != NULL)
		code = set_branch(t);
	else if (code == 0 && t->tag != NULL)
		code = set_tag(t);
	else if (code == 0 && t->has_detached)
		code = git_repository_set_head_detached(t->repository, &t->detached);
	else if (code == 0)
		code = track_branch(t, "main");
	return code == 0 || fail(t, code, "set HEAD");
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
	return code == 0 || fail(t, code, "read the tree");
}

static bool
write_files(struct transfer *t)
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
	return code == 0 || fail(t, code, "checkout");
}

/* Nothing on this machine configures what we do: no /etc/gitconfig, no ~/.gitconfig. */
static bool
set_library_options(struct transfer *t)
{
	static const git_config_level_t levels[] = {
		GIT_CONFIG_LEVEL_PROGRAMDATA,
		GIT_CONFIG_LEVEL_SYSTEM,
		GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_GLOBAL,
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof(levels) / sizeof(levels[0]); i++)
		code = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, (int)levels[i], "");
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)OBJECTS_MAX);
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_BYTES);
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)MAPPED_BYTES);
	/* The check guards against repositories of others; the only one we open is made here, on
	 * volumes that may map owners as they like. */
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	return code == 0 || fail(t, code, "set up libgit2");
}

bool
clone_git_run(const struct clone_git_request *request, struct clone_failure *f)
{
	struct transfer t = {
		.request = request,
		.failure = f,
		.progress = {.phase = CLONE_CONNECTING},
		.transport = {.url = request->url,
			      .token = request->token,
			      .ca_file = request->ca_file,
			      .connect_timeout_ms = request->connect_timeout_ms,
			      .stall_timeout_ms = request->stall_timeout_ms,
			      .cancel_fd = request->cancel_fd,
			      .depth = request->depth,
			      .failure = f,
			      .on_bytes = on_bytes},
	};
	bool ok;

	t.transport.arg = &t;
	t.transport.shallow = &t.shallow;
	buf_init(&t.shallow, TRANSPORT_SHALLOW_MAX_BYTES);
	if (git_libgit2_init() < 0)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "libgit2 does not start");
	ok = set_library_options(&t) && make_repository(&t) && connect_remote(&t) &&
	     choose_head(&t) && (request->depth > 0 ? fetch_one(&t) : fetch_all(&t)) &&
	     set_head(&t) && write_files(&t);
	git_remote_free(t.remote);
	git_repository_free(t.repository);
	git_libgit2_shutdown();
	buf_fini(&t.shallow);
	free(t.default_branch);
	free(t.branch);
	free(t.tag);
	/* A library that was stopped by our own callback names no reason of its own. */
	return ok || failure_set(f, CLONE_PROBLEM_INTERNAL, "stopped");
}
