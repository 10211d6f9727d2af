/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes git's index (gitformat-index, version 2) entry by entry, so that it takes no memory.
 */
#ifndef CLONE_CHECKOUT_INDEX_FILE_H
#define CLONE_CHECKOUT_INDEX_FILE_H

#include <sys/stat.h>

#include "base/err.h"

#define INDEX_FILE_ID_BYTES 20

struct index_file;

/* A new file; count: of the entries to come. */
struct index_file *index_file_new(const char *path, uint32_t count, struct err *e) MUST_CHECK;
void index_file_free(struct index_file *x);

/* In the order of their paths, byte by byte. mode: as in a tree. A failure is told at the end. */
void index_file_add(struct index_file *x, const char *path, uint32_t mode,
		    const uint8_t id[INDEX_FILE_ID_BYTES], const struct stat *stat);

/* False as well when there were more or fewer than announced. */
bool index_file_end(struct index_file *x, struct err *e) MUST_CHECK;

#endif
