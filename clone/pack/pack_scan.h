/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incremental pack parser (gitformat-pack): fills the table, inflates everything once to find where
 * objects end, and hashes objects that are not deltas or passes them on. Accepts input in pieces of
 * any size; uses no threads, files or sockets.
 */
#ifndef CLONE_PACK_PACK_SCAN_H
#define CLONE_PACK_PACK_SCAN_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

/* Blobs up to this size are passed on whole; trees, commits and tags always are. */
#define PACK_SCAN_HELD_MAX (1024u * 1024u)
/* Maximum size of a tree, commit or tag; a tree of this size has millions of entries. */
#define PACK_SCAN_LINKED_MAX (256u * 1024u * 1024u)

/* Takes ownership of the block, which holds the whole object, and arranges for the entry's id. */
typedef bool pack_scan_object_fn(uint32_t index, struct pack_block *object, void *arg,
				 struct err *e);

struct pack_scan;

/* Table and memory must outlive it. */
struct pack_scan *pack_scan_new(struct pack_table *table, struct pack_memory *memory,
				pack_scan_object_fn *on_object, void *arg,
				struct err *e) MUST_CHECK;
void pack_scan_free(struct pack_scan *s);

/* Parses the next bytes of the pack. After false it must not be called again. */
bool pack_scan_feed(struct pack_scan *s, const uint8_t *data, size_t len, struct err *e) MUST_CHECK;

/* After the last byte: whether the pack is complete. */
bool pack_scan_is_complete(const struct pack_scan *s);

/* After a failure: the pack may be valid but has features that this parser lacks (REF_DELTA,
 * another version, very long delta chains). */
bool pack_scan_is_unusual(const struct pack_scan *s);

#endif
