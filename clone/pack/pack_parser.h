/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that reads a pack while its file still grows, so that whoever receives never waits for
 * inflating and hashing.
 */
#ifndef CLONE_PACK_PACK_PARSER_H
#define CLONE_PACK_PACK_PARSER_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

enum pack_verdict {
	PACK_READING, /* so far so good */
	PACK_COMPLETE,
	PACK_UNUSUAL, /* left to another reader, see pack_scan_is_unusual */
	PACK_BROKEN,
};

struct pack_counts {
	uint32_t declared;
	uint32_t objects;
	uint32_t deltas;
};

struct pack_parser;

/* fd, table and memory outlive it. threads: that help with hashing. */
struct pack_parser *pack_parser_new(int fd, struct pack_table *table, struct pack_memory *memory,
				    unsigned threads, struct err *e) MUST_CHECK;
void pack_parser_free(struct pack_parser *p); /* ends the thread */

/* The file holds so many bytes now. The verdict is on what was read so far. */
enum pack_verdict pack_parser_grow(struct pack_parser *p, uint64_t size,
				   struct pack_counts *counts);

/* Nothing more will come: waits for the end of it. Never PACK_READING. */
enum pack_verdict pack_parser_end(struct pack_parser *p, struct pack_counts *counts,
				  struct err *e) MUST_CHECK;

#endif
