/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the pack indexer share: one entry for each object of a pack, in the order of
 * the pack (gitformat-pack). Entries never move, so one thread may fill in an id while another adds
 * entries; memory grows with what has arrived, never with what a header claims.
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
/* Deeper chains of deltas than git itself will write (8191 in fast-import). */
#define PACK_DEPTH_MAX 8191u

#define PACK_SEGMENT_BITS    14u
#define PACK_SEGMENT_ENTRIES (1u << PACK_SEGMENT_BITS)
#define PACK_SEGMENTS	     (PACK_OBJECTS_MAX >> PACK_SEGMENT_BITS)

/* As in the pack, and as libgit2 numbers them. */
enum pack_kind { PACK_COMMIT = 1, PACK_TREE = 2, PACK_BLOB = 3, PACK_TAG = 4 };

struct pack_entry {
	uint64_t offset; /* of its head, from the start of the pack */
	uint64_t size;	 /* inflated: of the object, or of the delta */
	uint32_t crc;	 /* of head and compressed data */
	uint32_t base;	 /* what it is a delta of; PACK_NONE: it stands for itself */
	uint32_t first_child;
	uint32_t next_sibling;
	uint16_t depth;
	uint8_t kind; /* of a delta: what it will be */
	uint8_t head_bytes;
	uint8_t id[PACK_ID_BYTES];
};

struct pack_links;

struct pack_table {
	struct pack_entry **segments; /* PACK_SEGMENTS pointers */
	uint32_t count;
	uint32_t declared; /* by the pack's header */
	uint32_t deltas;
	uint64_t end; /* offset of the trailer */
	uint8_t trailer[PACK_TRAILER_BYTES];
	struct pack_links *links; /* what its objects name; NULL: nobody wants to know */
};

bool pack_table_init(struct pack_table *t, struct err *e) MUST_CHECK;
void pack_table_fini(struct pack_table *t);

/* A new entry at the end, zeroed but for its links; NULL: no memory, or as many as declared. */
struct pack_entry *pack_table_add(struct pack_table *t, struct err *e) MUST_CHECK;

/* The entry that starts at this offset; PACK_NONE: there is none. */
uint32_t pack_table_find(const struct pack_table *t, uint64_t offset);

static inline struct pack_entry *
pack_at(const struct pack_table *t, uint32_t index)
{
	return &t->segments[index >> PACK_SEGMENT_BITS][index & (PACK_SEGMENT_ENTRIES - 1u)];
}

/* Bytes of head and compressed data. */
uint64_t pack_table_length(const struct pack_table *t, uint32_t index);

#endif
