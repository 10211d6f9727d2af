/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tags and commits refer to, read from their first lines only: imports from other version
 * control systems have authors and taggers that libgit2 does not parse, and git does not need.
 */
#ifndef CLONE_GIT_GIT_OBJECT_H
#define CLONE_GIT_GIT_OBJECT_H

#include <git2.h>

/* Follows tags to another kind of object. Returns 0 or an error code of libgit2. */
int git_object_follow_tags(git_odb *odb, const git_oid *id, git_oid *found, git_object_t *type);

/* Reads the tree of HEAD's commit; free it with git_tree_free. */
int git_object_head_tree(git_repository *repository, git_tree **tree);

/* Returns the mode of an entry as git reads it: of files, only the owner's execute bit counts. 0:
 * git never writes this mode. libgit2 reads executable links as files. */
git_filemode_t git_object_entry_mode(const git_tree_entry *entry);

/* Reads the size of an object without its content. Returns 0 or an error code of libgit2. */
int git_object_size(git_repository *repository, const git_oid *id, size_t *size);

#endif
