/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory that the repository is to appear in: what stands there, a temporary directory to
 * clone into, and the step that makes the clone appear at once.
 *
 * Decided by lstat and readdir, never by asking libgit2: a repository of another user looks like
 * none to it. Nothing that this module did not make itself is ever removed or replaced, but an
 * empty directory. What a killed run left behind is removed or, where it was moving files in,
 * finished.
 */
#ifndef CLONE_TARGET_TARGET_H
#define CLONE_TARGET_TARGET_H

#include <sys/types.h>

#include "clone/failure.h"

enum target_kind {
	TARGET_ABSENT,
	TARGET_EMPTY,	   /* a "lost+found" counts as nothing */
	TARGET_REPOSITORY, /* has a .git: left alone */
	TARGET_OCCUPIED,   /* anything else: left alone */
};

struct target {
	char *dir;	  /* without trailing slashes */
	char *holder;	  /* directory of the temporary one: the target's parent, or the target */
	char *temporary;  /* path; NULL: not made */
	char *tree;	  /* where to clone to: inside temporary, exists and is empty */
	int temporary_fd; /* that directory, wherever its name leads meanwhile; with temporary */
	int lock_fd;	  /* the marker in temporary, locked while we live */
	bool is_inside;	  /* the target can't be replaced: entries are moved into it */
	bool has_group;	  /* the tree hands its group on */
	mode_t mode;	  /* of the empty directory that is replaced; 0: none */
	size_t made;	  /* length of the first parent that we made; 0: none */
};

/* What stands at dir, an absolute path. */
bool target_look(const char *dir, enum target_kind *kind, struct clone_failure *f) MUST_CHECK;

/*
 * Cleans up after killed runs and looks. For ABSENT and EMPTY it makes the temporary directory; for
 * the others there is nothing to do. target_fini is due in any case.
 */
bool target_init(struct target *t, const char *dir, enum target_kind *kind,
		 struct clone_failure *f) MUST_CHECK;

/* The directory below which all of it happens until target_fini; the caller frees it. NULL without
 * memory. */
char *target_base(const struct target *t) MUST_CHECK;

/* All that comes into the tree belongs to this group, which has to be one of the process's. */
bool target_set_group(struct target *t, gid_t group, struct clone_failure *f) MUST_CHECK;

/* Gives group and others what the owner may of the tree, but for what the mask takes. */
bool target_share(struct target *t, mode_t mask, struct clone_failure *f) MUST_CHECK;

/* Empties the tree, for another attempt. */
bool target_clear(struct target *t, struct clone_failure *f) MUST_CHECK;

/* Makes the tree appear as the target, complete or not at all. */
bool target_commit(struct target *t, struct clone_failure *f) MUST_CHECK;

/* Removes the temporary directory and, without a commit, the parents that were made. */
void target_fini(struct target *t);

#endif
