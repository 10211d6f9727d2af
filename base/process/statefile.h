/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One small file of state in a directory, replaced as a whole.
 *
 * A reader finds either the old or the new content, also after a kill, a full disk or a power
 * failure. The caller is responsible for format and encryption.
 */
#ifndef BASE_PROCESS_STATEFILE_H
#define BASE_PROCESS_STATEFILE_H

#include "base/net/loop.h"
#include "base/str.h"

#define STATEFILE_NAME_MAX 64

struct statefile;

/* Called from the loop once for every statefile_replace. NULL: the new content is on the disk. */
typedef void statefile_done_fn(const struct err *e, void *arg);

struct statefile_options {
	const char *directory; /* exists */
	const char *name;      /* at most STATEFILE_NAME_MAX bytes, without '/' */
	statefile_done_fn *done;
	void *arg;
};

/* Opens the file in an existing directory. ERR_CONFIG: another process has it open. */
struct statefile *statefile_open(struct loop *l, const struct statefile_options *options,
				 struct err *e) MUST_CHECK;

/* Waits for a replacement in progress. Then replaces the content by *last (wiped) unless it is NULL
 * or empty; done does not run. */
void statefile_close(struct statefile *f, struct buf *last);

/* Appends the content to out, whose maximum limits it (ERR_LIMIT). ERR_NOT_FOUND: no such file. */
bool statefile_read(const struct statefile *f, struct buf *out, struct err *e) MUST_CHECK;

/* Renames the file to "<name>.corrupt-<seconds since 1970>" and copies that name to aside unless it
 * is NULL. */
bool statefile_set_aside(const struct statefile *f, char *aside, size_t size,
			 struct err *e) MUST_CHECK;

/*
 * Replaces the content and wipes *content; mode 0600. Not while a replacement is in progress.
 * Returns at once: a thread writes, because an fsync may take long on network volumes and would
 * block all connections meanwhile.
 */
void statefile_replace(struct statefile *f, struct buf *content);
bool statefile_is_busy(const struct statefile *f);

#endif
