/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory that the repository is cloned into: what exists there, a temporary directory for
 * the clone, and the atomic step that moves the clone into place.
 *
 * Uses lstat and readdir rather than libgit2, which does not see repositories of other users.
 * Nothing that this module did not create is removed or replaced, except an empty directory.
 * Leftovers of a killed run are removed or, if it was moving files into place, the move is
 * completed.
 */
#ifndef CLONE_TARGET_TARGET_H
#define CLONE_TARGET_TARGET_H

#include <sys/types.h>

#include "clone/failure.h"

enum target_kind {
	TARGET_ABSENT,
	TARGET_EMPTY,	   /* "lost+found" is ignored */
	TARGET_REPOSITORY, /* has a .git; never changed */
	TARGET_OCCUPIED,   /* anything else; never changed */
};

struct target {
	char *dir; /* without trailing slashes */
	/* The parent of the temporary directory: the target's parent, or the target. */
	char *parent_dir;
	char *temporary;    /* path; NULL: not created */
	char *tree;	    /* path of the clone: inside temporary, created empty */
	int temporary_fd;   /* open descriptor of temporary, independent of its name */
	int lock_fd;	    /* the marker in temporary, locked while we live */
	bool is_inside;	    /* the target must be kept: entries are moved into it */
	bool has_group;	    /* the tree has the set-group-ID bit */
	mode_t mode;	    /* mode of the empty directory that is replaced; 0: none */
	size_t created_len; /* length of the path of the first parent created; 0: none */
};

/* Inspects dir, an absolute path. */
bool target_inspect(const char *dir, enum target_kind *kind, struct clone_failure *f) MUST_CHECK;

/* Cleans up after killed runs and inspects dir. Creates the temporary directory for TARGET_ABSENT
 * and TARGET_EMPTY. Call target_fini in any case. */
bool target_init(struct target *t, const char *dir, enum target_kind *kind,
		 struct clone_failure *f) MUST_CHECK;

/* Returns the directory that contains all changes until target_fini; the caller frees it. NULL: out
 * of memory. */
char *target_base(const struct target *t) MUST_CHECK;

/* Gives the tree and everything created in it to this group, which must be one of the process's. */
bool target_set_group(struct target *t, gid_t group, struct clone_failure *f) MUST_CHECK;

/* Gives group and others the owner's permissions in the tree, except those in mask. */
bool target_share(struct target *t, mode_t mask, struct clone_failure *f) MUST_CHECK;

/* Empties the tree, for another attempt. */
bool target_clear(struct target *t, struct clone_failure *f) MUST_CHECK;

/* Moves the tree to the target: all of it or nothing. */
bool target_commit(struct target *t, struct clone_failure *f) MUST_CHECK;

/* Removes the temporary directory and, unless committed, the parents that were created. */
void target_fini(struct target *t);

#endif
