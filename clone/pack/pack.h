/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a pack's objects, shared by the parts of the indexer: one entry per object, in pack
 * order (gitformat-pack). Entries never move, so one thread may set an id while another adds
 * entries. Memory grows with the data received, never with the count in the header.
 */
#ifndef CLONE_PACK_PACK_H
#define CLONE_PACK_PACK_H

#include <stddef.h>

#include "base/err.h"

#define PACK_ID_BYTES	   20
#define PACK_HEADER_BYTES  12
#define PACK_TRAILER_BYTES 20
#define PACK_OBJECTS_MAX   (32u * 1024u * 1024u)
#define PACK_NONE	   UINT32_MAX
/* Maximum length of a delta chain; git writes at most 8191 (fast-import). */
#define PACK_DEPTH_MAX 8191u

#define PACK_SEGMENT_BITS    14u
#define PACK_SEGMENT_ENTRIES (1u << PACK_SEGMENT_BITS)
#define PACK_SEGMENTS	     (PACK_OBJECTS_MAX >> PACK_SEGMENT_BITS)

/* Object types as numbered in packs and in libgit2. */
enum pack_kind { PACK_COMMIT = 1, PACK_TREE = 2, PACK_BLOB = 3, PACK_TAG = 4 };

struct pack_entry {
	uint64_t offset; /* of the entry header, from the start of the pack */
	uint64_t size;	 /* inflated size of the object or of the delta */
	uint32_t crc;	 /* of head and compressed data */
	uint32_t base;	 /* base of a delta; PACK_NONE: not a delta */
	uint32_t first_child;
	uint32_t next_sibling;
	uint16_t depth;
	uint8_t kind; /* of a delta: type of the result */
	uint8_t head_bytes;
	uint8_t id[PACK_ID_BYTES];
};

struct pack_links;

struct pack_table {
	struct pack_entry **segments; /* PACK_SEGMENTS pointers */
	uint32_t count;
	uint32_t declared; /* object count in the pack's header */
	uint32_t deltas;
	uint64_t end; /* offset of the trailer */
	uint8_t trailer[PACK_TRAILER_BYTES];
	struct pack_links *links; /* references between objects; NULL: not checked */
};

bool pack_table_init(struct pack_table *t, struct err *e) MUST_CHECK;
void pack_table_fini(struct pack_table *t);

/* Appends an entry, zeroed but for its links. NULL: out of memory, or more objects than
 * declared. */
struct pack_entry *pack_table_add(struct pack_table *t, struct err *e) MUST_CHECK;

/* Returns the index of the entry at this offset, or PACK_NONE. */
uint32_t pack_table_find(const struct pack_table *t, uint64_t offset);

static inline struct pack_entry *
pack_at(const struct pack_table *t, uint32_t index)
{
	return &t->segments[index >> PACK_SEGMENT_BITS][index & (PACK_SEGMENT_ENTRIES - 1u)];
}

/* Returns the number of bytes of head and compressed data. */
uint64_t pack_table_length(const struct pack_table *t, uint32_t index);

#endif
