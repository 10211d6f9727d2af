/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place in a repository where the rest of a shallow clone's history is received, and how it
 * comes from there to where git sees it. A directory of ours in .git, made with the clone, says
 * that history is still to come; it goes when all of it is there.
 *
 * Whatever moment a run is killed at, git finds a valid repository, and the next run goes on: packs
 * are moved in under a ".keep" before any ref names what is in them, and files that git changes as
 * well are changed under git's own locks, which a later run knows and removes. Touches no files
 * that are checked out, no index, no HEAD and no local branch.
 */
#ifndef CLONE_HISTORY_HISTORY_H
#define CLONE_HISTORY_HISTORY_H

#include "clone/failure.h"

struct history {
	char *git;	  /* path of .git */
	char *repository; /* path of the bare repository that history is received into */
	int git_fd;
	int mark_fd;	  /* our directory, locked while we live */
	struct buf packs; /* hex names of what was received, a line each */
	bool is_received;
};

/* Says in a clone of ours that history is to come. */
bool history_mark(const char *dir, struct clone_failure *f) MUST_CHECK;

/* Whether it is. Tidies up what a run left that was killed when it was not any more. */
bool history_is_due(const char *dir);

/* Takes over what a killed run left. A failure: another one is at it, or the repository can't be
 * read. history_fini is due in any case. */
bool history_init(struct history *h, const char *dir, struct clone_failure *f) MUST_CHECK;

/* Removes what was received so far, so that `repository` can be made. */
bool history_clear(struct history *h, struct clone_failure *f) MUST_CHECK;

/* All of it is in `repository`: notes so, on the disk. */
bool history_set_received(struct history *h, struct clone_failure *f) MUST_CHECK;

/* Moves the packs to those of git, which keeps them from now on. When one has gone meanwhile, all
 * has to be received again: fails, and is_received is false. */
bool history_publish(struct history *h, struct clone_failure *f) MUST_CHECK;

/* refs/remotes/origin/HEAD as in `repository`, unless there is one. */
void history_set_remote_head(const struct history *h);

/* git's lock on a file of .git: `name`.lock, to be written. -1 with a transient failure: git holds
 * it. One of the two others is due. */
int history_lock(const struct history *h, const char *name, struct clone_failure *f) MUST_CHECK;
/* The file becomes `text`, or goes if that is empty. */
bool history_replace(const struct history *h, const char *name, int lock_fd, struct str text,
		     struct clone_failure *f) MUST_CHECK;
void history_unlock(const struct history *h, const char *name, int lock_fd);

/* The whole of a file in .git; one that is not there is empty. */
bool history_read(int directory, const char *name, struct buf *out,
		  struct clone_failure *f) MUST_CHECK;

/* All is where it belongs: gives the packs free for `git gc`, and removes our directory. */
void history_finish(struct history *h);

void history_fini(struct history *h);

#endif
