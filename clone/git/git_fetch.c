/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches everything, or with a depth only the requested ref, and writes the refs.
 */
#include "clone/git/git_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clone/git/git_object.h"

#define HEADS		"refs/heads/"
#define TAGS		"refs/tags/"
#define REMOTES		"refs/remotes/origin/"
#define NAME_MAX_BYTES	4096u
#define TOTAL_MAX_BYTES (1024u * 1024u * 1024u)

/* Keep-alive packets arrive while the server prepares a pack. */
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

	p->counters.objects_done = stats->received_objects;
	p->counters.objects_total = stats->total_objects;
	p->counters.deltas_done = stats->indexed_deltas;
	p->counters.deltas_total = stats->total_deltas;
	p->counters.bytes = stats->received_bytes;
	if (p->counters.bytes > t->request->bytes_max) {
		failure_set(t->failure, CLONE_PROBLEM_REFUSED,
			    "more than CLONE_BYTES_MAX (%llu) bytes received",
			    (unsigned long long)t->request->settings->bytes_max);
		return GIT_EUSER;
	}
	return git_steps_report(t, stats->total_objects > 0 &&
						   stats->received_objects >= stats->total_objects
					   ? CLONE_RESOLVING
					   : CLONE_RECEIVING)
		       ? 0
		       : GIT_EUSER;
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
	callbacks->payload = t;
}

static void
set_transport(struct transfer *t)
{
	const struct git_request *request = t->request;

	t->transport = (struct transport_options){
		.url = request->url,
		.token = request->token,
		.ca_file = request->settings->ca_file,
		.connect_timeout_ms = GIT_REQUEST_CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = request->settings->stall_timeout_ms,
		.cancel_fd = request->cancel_fd,
		.depth = request->depth,
		.shallow = &t->shallow,
		.takes_ids = &t->takes_ids,
		.failure = t->failure,
		.on_bytes = on_bytes,
		.arg = t,
	};
}

bool
git_fetch_connect(struct transfer *t)
{
	git_remote_connect_options options;
	int code;

	set_transport(t);
	git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	code = git_remote_connect_ext(t->remote, GIT_DIRECTION_FETCH, &options);
	return code == 0 || git_steps_fail(t, code, "connect");
}

/* Configures what later fetches get, as `git clone --depth` does: one branch or tag, or nothing for
 * a detached HEAD. */
static bool
narrow_remote(struct transfer *t, const char *spec)
{
	git_config *config = NULL;
	int code;

	if (t->request->keeps_all_branches)
		return true;
	code = git_repository_config(&config, t->repository);
	if (code == 0)
		code = spec != NULL ? git_config_set_string(config, "remote.origin.fetch", spec)
				    : git_config_delete_entry(config, "remote.origin.fetch");
	git_config_free(config);
	return code == 0 || git_steps_fail(t, code, "configure origin");
}

static bool
has_object(git_odb *odb, struct str hex)
{
	git_oid id;

	return git_oid_fromstrn(&id, hex.data, hex.len) == 0 &&
	       git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

static int
compare_lines(const void *a, const void *b)
{
	return memcmp(a, b, GIT_OID_HEXSZ);
}

/* Appends each shallow commit once: a server that is a shallow clone lists them for all refs. */
static bool
list_shallow(struct transfer *t, struct buf *list)
{
	static const size_t line = GIT_OID_HEXSZ + 1;
	const char *data = t->shallow.data;
	git_odb *odb = NULL;
	int code = git_repository_odb(&odb, t->repository);

	if (code == 0) /* it does not know the new pack yet */
		code = git_odb_refresh(odb);
	qsort(t->shallow.data, t->shallow.len / line, line, compare_lines);
	for (size_t at = 0; code == 0 && at + line <= t->shallow.len; at += line) {
		bool is_twice = at > 0 && compare_lines(data + at - line, data + at) == 0;

		if (!is_twice && has_object(odb, (struct str){data + at, GIT_OID_HEXSZ}) &&
		    !buf_add(list, data + at, line))
			code = GIT_ERROR;
	}
	git_odb_free(odb);
	return code == 0 || git_steps_fail(t, code, "list shallow commits");
}

/* Writes a new file of the repository. */
static bool
write_file(struct transfer *t, const char *name, const struct buf *text, const char *what)
{
	struct buf path;
	FILE *file = NULL;
	bool ok;

	buf_init(&path, 8192);
	if (buf_addf(&path, "%s%s", git_repository_path(t->repository), name))
		file = fopen(path.data, "wxe");
	ok = file != NULL && fwrite(text->data, 1, text->len, file) == text->len;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write %s", what);
}

/* Writes the list of shallow commits (gitrepository-layout, "shallow"). */
static bool
write_shallow(struct transfer *t)
{
	struct buf list;
	bool ok;

	if (t->shallow.len == 0)
		return true;
	buf_init(&list, TRANSPORT_SHALLOW_MAX_BYTES);
	ok = list_shallow(t, &list) &&
	     (list.len == 0 || write_file(t, "shallow", &list, "the list of shallow commits"));
	buf_fini(&list);
	return ok;
}

struct packed_ref {
	char *name;
	const git_oid *id;
};

struct packed_refs {
	struct packed_ref *refs;
	size_t count;
};

static void
list_free(struct packed_refs *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->refs[i].name);
	free(list->refs);
}

static bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* With a depth: whether to write the ref: the requested branch or tag, or a tag whose object was
 * received. */
static bool
is_wanted(const struct transfer *t, git_odb *odb, const git_remote_head *head)
{
	bool is_tag = starts_with(head->name, TAGS);

	if (git_reference_is_valid_name(head->name) != 1 || strlen(head->name) > NAME_MAX_BYTES)
		return false;
	if (!is_tag && !starts_with(head->name, HEADS))
		return false;
	if (t->request->depth == 0)
		return true;
	if (is_tag)
		return (t->tag != NULL && strcmp(t->tag, head->name) == 0) ||
		       git_odb_exists_ext(odb, &head->oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
	return t->branch != NULL && strcmp(t->branch, head->name + strlen(HEADS)) == 0;
}

static bool
add_ref(struct packed_refs *list, const git_remote_head *head)
{
	struct packed_ref *ref = &list->refs[list->count];
	int len = starts_with(head->name, HEADS)
			  ? asprintf(&ref->name, REMOTES "%s", head->name + strlen(HEADS))
			  : asprintf(&ref->name, "%s", head->name);

	if (len < 0)
		return false;
	ref->id = &head->oid;
	list->count++;
	return true;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct packed_ref *)a)->name, ((const struct packed_ref *)b)->name);
}

static bool
collect(struct transfer *t, git_odb *odb, struct packed_refs *list)
{
	const git_remote_head **heads = NULL;
	size_t count = 0;
	int code = git_remote_ls(&heads, &count, t->remote);

	if (code < 0)
		return git_steps_fail(t, code, "list refs");
	list->refs = calloc(count + 1, sizeof(*list->refs));
	if (list->refs == NULL)
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory for refs");
	for (size_t i = 0; i < count; i++) {
		if (is_wanted(t, odb, heads[i]) && !add_ref(list, heads[i]))
			return failure_set(t->failure, CLONE_PROBLEM_INTERNAL,
					   "out of memory for refs");
	}
	qsort(list->refs, list->count, sizeof(*list->refs), compare);
	return true;
}

/* Whether the list has a ref below this one: a name cannot be both file and directory. */
static bool
has_below(const struct packed_refs *list, const struct packed_ref *ref)
{
	char folder[NAME_MAX_BYTES + sizeof(REMOTES) + 1];
	size_t low = 0;
	size_t high = list->count;
	int len = snprintf(folder, sizeof(folder), "%s/", ref->name);

	if (len < 0 || (size_t)len >= sizeof(folder))
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(list->refs[middle].name, folder) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->count && starts_with(list->refs[low].name, folder);
}

static bool
check_conflicts(struct transfer *t, const struct packed_refs *list)
{
	for (size_t i = 0; i < list->count; i++) {
		bool is_twice = i > 0 && compare(&list->refs[i - 1], &list->refs[i]) == 0;

		if (is_twice || has_below(list, &list->refs[i]))
			return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
					   "conflicting ref names: %.200s", list->refs[i].name);
	}
	return true;
}

/* Adds the line with the peeled object of an annotated tag. */
static int
add_peeled(git_odb *odb, const git_oid *id, struct buf *text)
{
	char hex[GIT_OID_HEXSZ + 1];
	git_object_t type;
	git_oid peeled;
	int code = git_object_follow_tags(odb, id, &peeled, &type);

	if (code == 0 && !buf_addf(text, "^%s\n", git_oid_tostr(hex, sizeof(hex), &peeled)))
		code = GIT_ERROR;
	return code;
}

static bool
format_refs(struct transfer *t, git_odb *odb, const struct packed_refs *list, struct buf *text)
{
	char hex[GIT_OID_HEXSZ + 1];
	bool ok = buf_add_str(text, STR("# pack-refs with: peeled fully-peeled sorted \n"));

	for (size_t i = 0; ok && i < list->count; i++) {
		const struct packed_ref *ref = &list->refs[i];
		git_object_t type = GIT_OBJECT_INVALID;
		size_t size;
		int code = git_odb_read_header(&size, &type, odb, ref->id);

		ok = buf_addf(text, "%s %s\n", git_oid_tostr(hex, sizeof(hex), ref->id), ref->name);
		if (code == 0 && type == GIT_OBJECT_TAG)
			code = add_peeled(odb, ref->id, text);
		if (code == GIT_ENOTFOUND)
			return failure_set(t->failure, CLONE_PROBLEM_REFUSED,
					   "the server did not send the object of %.200s",
					   ref->name);
		if (code != 0)
			return git_steps_fail(t, code, "read the object of a ref");
	}
	return ok || failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory for refs");
}

/*
 * Writes the remote's refs as one packed-refs file (gitrepository-layout), as `git clone` does,
 * instead of a file and a reflog per ref. Invalid names are skipped; conflicting names and missing
 * objects fail the clone.
 */
static bool
write_refs(struct transfer *t)
{
	struct packed_refs list = {NULL, 0};
	git_odb *odb = NULL;
	struct buf text;
	int code = git_repository_odb(&odb, t->repository);
	bool ok;

	/* The object database does not know the new pack yet. */
	if (code == 0)
		code = git_odb_refresh(odb);
	buf_init(&text, TOTAL_MAX_BYTES);
	ok = (code == 0 || git_steps_fail(t, code, "open the objects")) && collect(t, odb, &list) &&

	     check_conflicts(t, &list) && format_refs(t, odb, &list, &text) &&
	     (list.count == 0 || write_file(t, "packed-refs", &text, "packed-refs"));
	list_free(&list);
	buf_fini(&text);
	git_odb_free(odb);
	return ok;
}

/* A new repository has no objects that the server need not send. */
static int
receive(struct transfer *t, const git_strarray *specs, const git_fetch_options *options)
{
	git_odb *former;
	int code = indexer_install(t->repository, &t->indexer, &former);

	if (code == 0)
		code = git_remote_download(t->remote, specs, options);
	indexer_remove(t->repository, former);
	return code;
}

/* Writes no refs: write_refs writes all of them afterwards. */
static bool
download(struct transfer *t, const git_strarray *specs, git_remote_autotag_option_t tags)
{
	git_fetch_options options;
	int code;

	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	options.download_tags = tags;
	code = receive(t, specs, &options);
	(void)git_remote_disconnect(t->remote);
	return code == 0 || git_steps_fail(t, code, "fetch");
}

/* With a depth: fetches only the branch or tag. */
static bool
fetch_one(struct transfer *t)
{
	char *specs[2];
	git_strarray list = {specs, 0};
	struct buf spec;
	bool ok = true;

	buf_init(&spec, 4096);
	if (t->branch != NULL)
		ok = buf_addf(&spec, "+refs/heads/%s:refs/remotes/origin/%s", t->branch, t->branch);
	else if (t->tag != NULL)
		ok = buf_addf(&spec, "+%s:%s", t->tag, t->tag);
	ok = (ok && buf_add_byte(&spec, '\0')) ||
	     failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	if (ok && spec.len > 1)
		specs[list.count++] = spec.data;
	if (ok && t->extra != NULL)
		specs[list.count++] = t->extra;
	ok = ok && narrow_remote(t, spec.len > 1 ? spec.data : NULL) &&
	     (list.count == 0 || download(t, &list, GIT_REMOTE_DOWNLOAD_TAGS_AUTO));
	buf_fini(&spec);
	return ok;
}

static bool
fetch_all(struct transfer *t)
{
	char all[] = "+refs/heads/*:refs/remotes/origin/*";
	char head[] = "HEAD";
	char *specs[3] = {all};
	git_strarray list = {specs, 1};

	if (t->is_head_detached)
		specs[list.count++] = head;
	if (t->extra != NULL)
		specs[list.count++] = t->extra;
	return download(t, &list, GIT_REMOTE_DOWNLOAD_TAGS_ALL);
}

bool
git_fetch_run(struct transfer *t)
{
	return (t->request->depth > 0 ? fetch_one(t) : fetch_all(t)) && write_shallow(t) &&
	       write_refs(t);
}
