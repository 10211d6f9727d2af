/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads objects from the pack file by the table's offsets.
 */
#ifndef CLONE_PACK_PACK_READ_H
#define CLONE_PACK_PACK_READ_H

#include "clone/pack/pack.h"

struct pack_reader; /* for one thread */

struct pack_reader *pack_reader_new(int fd, const struct pack_table *table); /* NULL: no memory */
void pack_reader_free(struct pack_reader *r);

/* Inflates an entry into out, which has room for its size. */
bool pack_reader_get(struct pack_reader *r, uint32_t index, uint8_t *out, struct err *e) MUST_CHECK;

#endif
