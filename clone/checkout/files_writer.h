/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes new files below a directory on several threads, while the caller reads the content of the
 * next ones. The amount of queued data is bounded. Folders must exist; symbolic links are not
 * followed and existing files not replaced.
 */
#ifndef CLONE_CHECKOUT_FILES_WRITER_H
#define CLONE_CHECKOUT_FILES_WRITER_H

#include <stddef.h>
#include <sys/stat.h>

#include "clone/failure.h"

struct files_writer;

struct file {
	char *path; /* relative; freed by the writer */
	/* S_IFREG with permissions; S_IFLNK: data is the link's target; S_IFDIR: an empty folder.
	 */
	mode_t mode;
	const void *data; /* owned by `owner`, valid until the done callback */
	size_t len;
	const char *source; /* in place of data: a file to copy, which is read only; or NULL */
	void *owner;
	struct stat stat; /* set once it is written */
};

/* Called on the adding thread, in the order of adding. After a failure is_written is false. */
typedef void files_writer_done_fn(const struct file *file, bool is_written, void *arg);

/* Called on the adding thread while it waits or copies, at least twice a second. False: stop, which
 * is a failure. */
typedef bool files_writer_tick_fn(void *arg);

/* root is borrowed. threads: maximum number of writers; 0 writes on the adding thread. NULL: no
 * memory. */
struct files_writer *files_writer_new(int root, unsigned threads, files_writer_done_fn *done,
				      files_writer_tick_fn *tick, void *arg);
/* Discards files that are not written yet. */
void files_writer_free(struct files_writer *w);

/* Takes ownership of the file in any case. May wait until others are written. False: this or an
 * earlier file could not be written. */
bool files_writer_add(struct files_writer *w, const struct file *file,
		      struct clone_failure *f) MUST_CHECK;

/* Waits for all of them. */
bool files_writer_end(struct files_writer *w, struct clone_failure *f) MUST_CHECK;

#endif
