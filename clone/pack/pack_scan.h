/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a pack as it arrives (gitformat-pack): fills the table, inflates everything once to find
 * where objects end, and hands on or hashes what is no delta. Takes any division into pieces; has
 * no threads, files or sockets.
 */
#ifndef CLONE_PACK_PACK_SCAN_H
#define CLONE_PACK_PACK_SCAN_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

/* Files up to this size are handed on whole; folders, commits and tags always are. */
#define PACK_SCAN_HELD_MAX (1024u * 1024u)
/* Of those; a folder of so many bytes has millions of entries. */
#define PACK_SCAN_LINKED_MAX (256u * 1024u * 1024u)

/* Takes over the block, which holds the whole object, and sees to the entry's id. */
typedef bool pack_scan_object_fn(uint32_t index, struct pack_block *object, void *arg,
				 struct err *e);

struct pack_scan;

/* NULL: no memory. Table and memory outlive it. */
struct pack_scan *pack_scan_new(struct pack_table *table, struct pack_memory *memory,
				pack_scan_object_fn *on_object, void *arg,
				struct err *e) MUST_CHECK;
void pack_scan_free(struct pack_scan *s);

/* The pack's next bytes. False ends it. */
bool pack_scan_feed(struct pack_scan *s, const uint8_t *data, size_t len, struct err *e) MUST_CHECK;

/* After the last byte: whether the pack is complete. */
bool pack_scan_is_complete(const struct pack_scan *s);

/* After a failure: nothing is wrong, it is only more than we read (a delta that names its base by
 * id, another version, endless chains). */
bool pack_scan_is_unusual(const struct pack_scan *s);

#endif
