/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes new files below a directory, on threads of its own: whoever reads their content goes on to
 * the next one meanwhile. What may be on its way at once is bounded. Folders are there already; no
 * link is followed, and nothing that exists is replaced.
 */
#ifndef CLONE_CHECKOUT_FILES_WRITER_H
#define CLONE_CHECKOUT_FILES_WRITER_H

#include <stddef.h>
#include <sys/stat.h>

#include "clone/failure.h"

struct files_writer;

struct file {
	char *path;	  /* relative; freed by the writer */
	mode_t mode;	  /* S_IFREG with permissions; S_IFLNK: the content is where it points */
	const void *data; /* the owner's until it is done with */
	size_t len;
	void *owner;
	struct stat stat; /* once it is written */
};

/* On the thread that adds, in the order of adding. After a failure files are not written. */
typedef void files_writer_done_fn(const struct file *file, bool is_written, void *arg);

/* root is borrowed. threads: at most as many; 0 writes on the thread that adds. NULL: no memory. */
struct files_writer *files_writer_new(int root, unsigned threads, files_writer_done_fn *done,
				      void *arg);
/* Drops what is not written yet. */
void files_writer_free(struct files_writer *w);

/* Takes the file over in any case. May wait until others are written. False: one of them, or this
 * one, can't be. */
bool files_writer_add(struct files_writer *w, const struct file *file,
		      struct clone_failure *f) MUST_CHECK;

/* Waits for all of them. */
bool files_writer_end(struct files_writer *w, struct clone_failure *f) MUST_CHECK;

#endif
