/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that parses a pack while its file still grows, so that receiving never waits for
 * inflating and hashing.
 */
#ifndef CLONE_PACK_PACK_PARSER_H
#define CLONE_PACK_PACK_PARSER_H

#include "clone/pack/pack.h"
#include "clone/pack/pack_memory.h"

enum pack_verdict {
	PACK_READING, /* no error so far */
	PACK_COMPLETE,
	PACK_UNUSUAL, /* needs another parser: see pack_scan_is_unusual */
	PACK_BROKEN,
};

struct pack_counts {
	uint32_t declared;
	uint32_t objects;
	uint32_t deltas;
};

struct pack_parser;

/* fd, table and memory must outlive it. threads: number of helpers for hashing. */
struct pack_parser *pack_parser_new(int fd, struct pack_table *table, struct pack_memory *memory,
				    unsigned threads, struct err *e) MUST_CHECK;
void pack_parser_free(struct pack_parser *p); /* ends the thread */

/* Tells the parser the new size of the file. Returns the verdict on what was read so far. */
enum pack_verdict pack_parser_grow(struct pack_parser *p, uint64_t size,
				   struct pack_counts *counts);

/* The file is complete: waits until it is parsed. Never returns PACK_READING. */
enum pack_verdict pack_parser_end(struct pack_parser *p, struct pack_counts *counts,
				  struct err *e) MUST_CHECK;

#endif
