/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the remote's refs as one packed-refs file (gitrepository-layout), as `git clone` does,
 * instead of a file and a reflog per ref. Invalid names are skipped; conflicting names and missing
 * objects fail the clone.
 */
#include "clone/git/git_packed_refs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clone/git/git_object.h"

#define HEADS		"refs/heads/"
#define TAGS		"refs/tags/"
#define REMOTES		"refs/remotes/origin/"
#define NAME_MAX_BYTES	4096u
#define TOTAL_MAX_BYTES (1024u * 1024u * 1024u)

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

static bool
write_file(struct transfer *t, const struct buf *text)
{
	struct buf path;
	FILE *file = NULL;
	bool ok;

	buf_init(&path, 8192);
	if (buf_addf(&path, "%spacked-refs", git_repository_path(t->repository)))
		file = fopen(path.data, "wxe");
	ok = file != NULL && fwrite(text->data, 1, text->len, file) == text->len;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write packed-refs");
}

bool
git_packed_refs_write(struct transfer *t)
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
	     (list.count == 0 || write_file(t, &text));
	list_free(&list);
	buf_fini(&text);
	git_odb_free(odb);
	return ok;
}
