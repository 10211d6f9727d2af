/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the tree before the first file is written: number and depth of entries, and names that
 * would not become a file of the repository.
 */
#include "clone/checkout/tree_check.h"

#include "clone/checkout/attributes.h"
#include "clone/checkout/name_check.h"
#include "clone/git/git_object.h"
#include "clone/git/gitmodules.h"

/* A few hundred objects can describe billions of files, or unlimited depth. */
#define PATH_BYTES_MAX 4000u
#define FOLDERS_MAX    (PATH_BYTES_MAX / 2)
/* Sum of the sizes of files that are read: one blob may be in every folder. */
#define READ_MAX_BYTES (512u * 1024u * 1024u)
/* Entries between two readings of the clock. */
#define REPORT_ENTRIES 1024u

struct folder {
	git_tree *tree;
	size_t next;  /* entry */
	size_t path;  /* length of the parent's path */
	size_t bytes; /* size of its entries as git writes them */
	bool is_odd;  /* git would write another tree */
};

struct walk {
	struct transfer *transfer;
	git_odb *odb;
	struct folder folders[FOLDERS_MAX]; /* from the root to the current folder */
	size_t depth;
	size_t entries;
	size_t bytes_left; /* counts towards READ_MAX_BYTES */
	struct buf path;
};

static bool
set_entry_failure(struct walk *w, const git_tree_entry *entry, const char *why)
{
	return failure_set(w->transfer->failure, CLONE_PROBLEM_REFUSED, "\"%.*s%.*s\" %s",
			   STR_FMT(str_take(buf_view(&w->path), 200)),
			   STR_FMT(str_take(str_from(git_tree_entry_name(entry)), 100)), why);
}

/* Reads a file. False with *blob NULL: it is too large, or too much was read. */
static bool
read_small(struct walk *w, const git_tree_entry *entry, size_t max_bytes, git_blob **blob)
{
	size_t size;
	git_object_t type;

	*blob = NULL;
	if (git_odb_read_header(&size, &type, w->odb, git_tree_entry_id(entry)) < 0 ||
	    size > max_bytes || size > w->bytes_left)
		return false;
	w->bytes_left -= size;
	return git_blob_lookup(blob, w->transfer->repository, git_tree_entry_id(entry)) == 0;
}

/* Detects the use of git-lfs in a .gitattributes. A file that is not read may use it; the search
 * for LFS files has its own limits. */
static void
note_attributes(struct walk *w, const git_tree_entry *entry)
{
	git_blob *blob;

	if (w->transfer->progress.notes & CLONE_NOTE_LFS ||
	    git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return;
	if (!read_small(w, entry, ATTRIBUTES_FILE_MAX_BYTES, &blob) ||
	    str_find((struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)},
		     STR("filter=lfs")) != SIZE_MAX)
		w->transfer->progress.notes |= CLONE_NOTE_LFS;
	git_blob_free(blob);
}

/* Notes a .gitmodules that includes other files: libgit2's checkout follows includes, which may
 * name a pipe or an endless file. */
static bool
check_gitmodules(struct walk *w, const git_tree_entry *entry)
{
	git_blob *blob;

	if (git_object_entry_mode(entry) == GIT_FILEMODE_LINK)
		return set_entry_failure(w, entry, "is a symbolic link");
	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return true;
	if (!read_small(w, entry, GITMODULES_MAX_BYTES, &blob) ||
	    gitmodules_has_include(
		    (struct str){git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob)}))
		w->transfer->has_includes = true;
	git_blob_free(blob);
	return true;
}

/* Whether `entry` sorts after `before` in git's tree order: folders compare as if they ended in
 * '/'. */
static bool
is_after(const git_tree_entry *before, const git_tree_entry *entry)
{
	const char *a = git_tree_entry_name(before);
	const char *b = git_tree_entry_name(entry);
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);
	size_t len = a_len < b_len ? a_len : b_len;
	int order = memcmp(a, b, len);
	int a_next = (unsigned char)a[len];
	int b_next = (unsigned char)b[len];

	if (a_next == 0 && git_tree_entry_type(before) == GIT_OBJECT_TREE)
		a_next = '/';
	if (b_next == 0 && git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		b_next = '/';
	return order < 0 || (order == 0 && a_next < b_next);
}

/* Checks the size of a file: libgit2 keeps whole files in memory, and a few KiB can describe one of
 * many GiB. */
static bool
check_size(struct walk *w, const git_tree_entry *entry)
{
	struct transfer *t = w->transfer;
	git_object_t type;
	size_t size = 0;
	int code;

	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return true;
	code = git_odb_read_header(&size, &type, w->odb, git_tree_entry_id(entry));
	if (code < 0)
		return git_steps_fail(t, code, "read a file's size");
	return size <= t->request->settings->file_bytes_max ||
	       failure_set(t->failure, CLONE_PROBLEM_REFUSED,
			   "\"%.*s%.*s\" has %zu bytes, more than CLONE_FILE_BYTES_MAX (%llu)",
			   STR_FMT(str_take(buf_view(&w->path), 200)),
			   STR_FMT(str_take(str_from(git_tree_entry_name(entry)), 100)), size,
			   (unsigned long long)t->request->settings->file_bytes_max);
}

/* Adds the size of an entry as git writes it. False: a kind of entry that git does not know. */
static bool
check_mode(struct walk *w, const git_tree_entry *entry)
{
	struct folder *folder = &w->folders[w->depth - 1];
	git_filemode_t mode = git_object_entry_mode(entry);
	size_t digits = mode == GIT_FILEMODE_TREE ? 5 : 6;

	folder->bytes += digits + strlen(git_tree_entry_name(entry)) + 2 + GIT_OID_RAWSZ;
	if (git_tree_entry_filemode_raw(entry) != mode)
		folder->is_odd = true;
	return mode != GIT_FILEMODE_UNREADABLE || set_entry_failure(w, entry, "has no valid mode");
}

/* Records properties that decide how the tree is checked out. */
static void
note_kind(struct walk *w, const git_tree *tree, const git_tree_entry *entry)
{
	/* The walk is already at the next entry. */
	size_t next = w->folders[w->depth - 1].next;

	if (git_tree_entry_type(entry) == GIT_OBJECT_COMMIT)
		w->transfer->has_submodules = true;
	if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		w->transfer->files++;
	if (next > 1 && !is_after(git_tree_entry_byindex(tree, next - 2), entry))
		w->transfer->is_sorted = false;
}

static bool
take_file(struct walk *w)
{
	const struct git_request *request = w->transfer->request;

	if (*request->files_left == 0)
		return failure_set(w->transfer->failure, CLONE_PROBLEM_REFUSED,
				   "more than CLONE_FILES_MAX (%llu) files",
				   (unsigned long long)request->settings->files_max);
	--*request->files_left;
	return true;
}

static bool
check_entry(struct walk *w, const git_tree *tree, const git_tree_entry *entry)
{
	const char *name = git_tree_entry_name(entry);
	const char *wrong = name_check_entry(str_from(name));
	const git_tree_entry *found;

	if (wrong != NULL)
		return set_entry_failure(w, entry, wrong);
	/* If a link and a folder have the same name, the folder's files would be written through
	 * the link. */
	found = git_tree_entry_byname(tree, name);
	if (found != NULL && found != entry)
		return set_entry_failure(w, entry, "is a duplicate entry");
	if (!check_mode(w, entry) || !check_size(w, entry))
		return false;
	if (name_check_is_gitmodules(str_from(name)) && !check_gitmodules(w, entry))
		return false;
	if (!take_file(w))
		return false;
	if (w->path.len + strlen(name) > PATH_BYTES_MAX)
		return failure_set(w->transfer->failure, CLONE_PROBLEM_REFUSED,
				   "a path exceeds %u bytes", PATH_BYTES_MAX);
	if (strcmp(name, ".gitattributes") == 0) {
		w->transfer->has_attributes = true;
		note_attributes(w, entry);
	}
	note_kind(w, tree, entry);
	return true;
}

static bool
enter(struct walk *w, const git_oid *id, const char *name)
{
	git_tree *tree = NULL;
	int code = git_tree_lookup(&tree, w->transfer->repository, id);

	if (code < 0)
		return git_steps_fail(w->transfer, code, "read a tree");
	w->folders[w->depth++] = (struct folder){.tree = tree, .path = w->path.len};
	if (name[0] != '\0' && !buf_addf(&w->path, "%s/", name))
		return failure_set(w->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	return true;
}

static void
leave(struct walk *w)
{
	struct folder *last = &w->folders[--w->depth];

	git_tree_free(last->tree);
	w->path.len = last->path;
}

/* Notes a complete tree that was not written by git. Zeros before a mode are noticed by the size
 * alone. */
static bool
note_odd(struct walk *w)
{
	const struct folder *last = &w->folders[w->depth - 1];
	const git_oid *id = git_tree_id(last->tree);
	git_object_t type;
	size_t size = 0;
	int code = 0;

	if (!last->is_odd)
		code = git_odb_read_header(&size, &type, w->odb, id);
	if (code < 0)
		return git_steps_fail(w->transfer, code, "read a tree's size");
	return (!last->is_odd && size == last->bytes) ||
	       noncanonical_trees_add(&w->transfer->noncanonical_trees, id->id) ||
	       failure_set(w->transfer->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
}

static bool
walk_all(struct walk *w)
{
	while (w->depth > 0) {
		struct folder *last = &w->folders[w->depth - 1];
		const git_tree_entry *entry = git_tree_entry_byindex(last->tree, last->next++);

		if (entry == NULL) {
			if (!note_odd(w))
				return false;
			leave(w);
			continue;
		}
		if (!check_entry(w, last->tree, entry) ||
		    (++w->entries % REPORT_ENTRIES == 0 &&
		     !git_steps_report(w->transfer, CLONE_RESOLVING)))
			return false;
		if (git_tree_entry_type(entry) != GIT_OBJECT_TREE)
			continue;
		if (w->depth == FOLDERS_MAX)
			return set_entry_failure(w, entry, "is nested too deeply");
		if (!enter(w, git_tree_entry_id(entry), git_tree_entry_name(entry)))
			return false;
	}
	return true;
}

bool
tree_check(struct transfer *t)
{
	struct walk w = {.transfer = t, .bytes_left = READ_MAX_BYTES};
	git_tree *tree = NULL;
	int code = git_object_head_tree(t->repository, &tree);
	bool ok;

	t->is_sorted = true;
	t->files = 0;
	if (code == 0)
		code = git_repository_odb(&w.odb, t->repository);
	if (code < 0) {
		git_tree_free(tree);
		return git_steps_fail(t, code, "read the tree");
	}
	buf_init(&w.path, PATH_BYTES_MAX + 512);
	ok = enter(&w, git_tree_id(tree), "") && walk_all(&w);
	while (w.depth > 0)
		leave(&w);
	noncanonical_trees_sort(&t->noncanonical_trees);
	buf_fini(&w.path);
	git_odb_free(w.odb);
	git_tree_free(tree);
	return ok;
}
