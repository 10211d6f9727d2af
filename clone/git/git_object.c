/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw objects out of the object database, without libgit2's parsers.
 */
#include "clone/git/git_object.h"

#include <sys/stat.h>

#include "base/str.h"

#define TAGS_MAX 64u /* tags of tags */

/* Parses "<key> <hex>\n" at the start of the object. */
static int
read_id(git_odb_object *object, struct str key, git_oid *id)
{
	struct str text = {git_odb_object_data(object), git_odb_object_size(object)};
	struct str hex = str_take(str_skip(text, key.len), GIT_OID_HEXSZ);
	struct str rest = str_skip(text, key.len + GIT_OID_HEXSZ);

	if (!str_starts_with(text, key) || !str_starts_with(rest, STR("\n"))) {
		git_error_set_str(GIT_ERROR_OBJECT, "malformed tag or commit");
		return GIT_ERROR;
	}
	return git_oid_fromstrn(id, hex.data, hex.len);
}

/* Reads the object that a tag refers to. */
static int
read_tag(git_odb *odb, const git_oid *id, git_oid *target)
{
	git_odb_object *object = NULL;
	int code = git_odb_read(&object, odb, id);

	if (code == 0)
		code = read_id(object, STR("object "), target);
	git_odb_object_free(object);
	return code;
}

int
git_object_follow_tags(git_odb *odb, const git_oid *id, git_oid *found, git_object_t *type)
{
	git_oid next = *id;

	for (unsigned i = 0; i < TAGS_MAX; i++) {
		size_t size;
		int code = git_odb_read_header(&size, type, odb, &next);

		if (code < 0)
			return code;
		*found = next;
		if (*type != GIT_OBJECT_TAG)
			return 0;
		code = read_tag(odb, found, &next);
		if (code < 0)
			return code;
	}
	git_error_set_str(GIT_ERROR_OBJECT, "too many nested tags");
	return GIT_ERROR;
}

static int
read_tree_id(git_odb *odb, const git_oid *commit, git_oid *tree)
{
	git_odb_object *object = NULL;
	int code = git_odb_read(&object, odb, commit);

	if (code == 0 && git_odb_object_type(object) != GIT_OBJECT_COMMIT) {
		git_error_set_str(GIT_ERROR_OBJECT, "HEAD does not name a commit");
		code = GIT_ERROR;
	}
	if (code == 0)
		code = read_id(object, STR("tree "), tree);
	git_odb_object_free(object);
	return code;
}

int
git_object_head_tree(git_repository *repository, git_tree **tree)
{
	git_odb *odb = NULL;
	git_oid commit;
	git_oid id;
	int code = git_reference_name_to_id(&commit, repository, "HEAD");

	if (code == 0)
		code = git_repository_odb(&odb, repository);
	if (code == 0)
		code = read_tree_id(odb, &commit, &id);
	if (code == 0)
		code = git_tree_lookup(tree, repository, &id);
	git_odb_free(odb);
	return code;
}

int
git_object_size(git_repository *repository, const git_oid *id, size_t *size)
{
	git_odb *odb = NULL;
	git_object_t type;
	int code = git_repository_odb(&odb, repository);

	if (code == 0)
		code = git_odb_read_header(size, &type, odb, id);
	git_odb_free(odb);
	return code;
}

git_filemode_t
git_object_entry_mode(const git_tree_entry *entry)
{
	unsigned mode = (unsigned)git_tree_entry_filemode_raw(entry);

	switch (mode & S_IFMT) {
	case S_IFREG:
		return (mode & S_IXUSR) != 0 ? GIT_FILEMODE_BLOB_EXECUTABLE : GIT_FILEMODE_BLOB;
	case S_IFLNK:
		return GIT_FILEMODE_LINK;
	case S_IFDIR:
		return GIT_FILEMODE_TREE;
	case GIT_FILEMODE_COMMIT:
		return GIT_FILEMODE_COMMIT;
	default:
		return GIT_FILEMODE_UNREADABLE;
	}
}
