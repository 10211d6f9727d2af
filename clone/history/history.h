/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetched history of a shallow clone on its way into the repository. A directory of ours in .git,
 * created with the clone, marks that history is pending; it is removed when everything is in place.
 *
 * Whenever a run is killed, git finds a valid repository and the next run continues: packs are
 * moved into place with a ".keep" before any ref names their objects, and files that git also
 * writes are changed under git's own locks, which a later run recognizes and removes. Never touches
 * the work tree, the index, HEAD or a local branch.
 */
#ifndef CLONE_HISTORY_HISTORY_H
#define CLONE_HISTORY_HISTORY_H

#include "clone/failure.h"

#define HISTORY_PATH_BYTES 128u

struct history {
	char *git;	  /* path of .git */
	char *repository; /* path of the bare repository that receives the history */
	int git_fd;
	int mark_fd;	  /* our directory, locked while this process runs */
	struct buf packs; /* hex names of the received packs, one per line */
	bool is_received;
};

/* Marks a fresh clone: its history is pending. */
bool history_mark(const char *dir, struct clone_failure *f) MUST_CHECK;

/* Whether history is pending. Completes the cleanup of a killed run. */
bool history_is_due(const char *dir);

/* Opens the repository; continues the work of a killed run. Fails if another process has the lock
 * or the repository can't be read. Call history_fini in any case. */
bool history_init(struct history *h, const char *dir, struct clone_failure *f) MUST_CHECK;

/* Removes what was received so far, so that `repository` can be created. */
bool history_clear(struct history *h, struct clone_failure *f) MUST_CHECK;

/* The same after a failure: what remains is removed before the next download. */
void history_discard(struct history *h);

/* Records durably that `repository` is complete. */
bool history_set_received(struct history *h, struct clone_failure *f) MUST_CHECK;

/* Moves the packs into objects/pack. If a pack has disappeared, fails and discards all that was
 * received. */
bool history_publish(struct history *h, struct clone_failure *f) MUST_CHECK;

/* Sets refs/remotes/origin/HEAD as in `repository`, unless it exists. */
void history_set_remote_head(const struct history *h);

/* Takes git's lock on a file in .git: creates `name`.lock for writing. Returns -1, with a transient
 * failure if the lock is held. Call history_replace or history_unlock afterwards. */
int history_lock(const struct history *h, const char *name, struct clone_failure *f) MUST_CHECK;
/* Replaces the file's content by `text`, or removes the file if text is empty. */
bool history_replace(const struct history *h, const char *name, int lock_fd, struct str text,
		     struct clone_failure *f) MUST_CHECK;
void history_unlock(const struct history *h, const char *name, int lock_fd);

/* Removes a killed run's lock on one of git's files, if there is one. */
void history_drop_stale_lock(const struct history *h);

/* Reads a file in .git; a missing file is empty. */
bool history_read(int directory, const char *name, struct buf *out,
		  struct clone_failure *f) MUST_CHECK;

/* Writes all of text and syncs it. */
bool history_write(int fd, struct str text) MUST_CHECK;

/* Call it once everything is in place: removes the ".keep" files and our directory. */
void history_finish(struct history *h);

void history_fini(struct history *h);

#endif
