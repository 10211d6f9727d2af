/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tags and commits refer to, read from their first lines only: imports from other version
 * control systems have authors and taggers that libgit2 does not parse, and git does not need.
 */
#ifndef CLONE_GIT_GIT_OBJECT_H
#define CLONE_GIT_GIT_OBJECT_H

#include <git2.h>

/* Follows tags to another object. 0, or an error code of libgit2. */
int git_object_follow_tags(git_odb *odb, const git_oid *id, git_oid *found, git_object_t *type);

/* The tree of the commit that HEAD names; freed with git_tree_free. */
int git_object_head_tree(git_repository *repository, git_tree **tree);

/* The mode of an entry as git reads it: of files only whether the owner may execute them counts.
 * 0: none that git writes. libgit2 takes links that are executable for files. */
git_filemode_t git_object_entry_mode(const git_tree_entry *entry);

/* The size of an object, which is not read. 0, or an error code of libgit2. */
int git_object_size(git_repository *repository, const git_oid *id, size_t *size);

#endif
