/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes git's index (gitformat-index, version 2) entry by entry, in constant memory.
 */
#ifndef CLONE_CHECKOUT_INDEX_FILE_H
#define CLONE_CHECKOUT_INDEX_FILE_H

#include <sys/stat.h>

#include "base/str.h"

#define INDEX_FILE_ID_BYTES 20

struct index_file;

/* Creates the file. count: number of entries to be added. */
struct index_file *index_file_new(const char *path, uint32_t count, struct err *e) MUST_CHECK;
void index_file_free(struct index_file *x);

/* Entries must be added in byte order of their paths. mode: as in a tree. Failures are reported by
 * index_file_end. */
void index_file_add(struct index_file *x, const char *path, uint32_t mode,
		    const uint8_t id[INDEX_FILE_ID_BYTES], const struct stat *stat);

/* tree: content of the TREE extension; empty: none. Also fails if the number of entries differs
 * from count. */
bool index_file_end(struct index_file *x, struct str tree, struct err *e) MUST_CHECK;

#endif
