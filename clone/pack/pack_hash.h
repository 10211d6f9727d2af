/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object ids by libgit2's SHA-1, which detects collision attacks and then fails. Whole objects can
 * be hashed on any thread, large ones piece by piece.
 */
#ifndef CLONE_PACK_PACK_HASH_H
#define CLONE_PACK_PACK_HASH_H

#include "clone/pack/pack.h"

bool pack_hash(enum pack_kind kind, const void *data, size_t len, uint8_t id[PACK_ID_BYTES],
	       struct err *e) MUST_CHECK;

/* One object at a time; for one thread. */
struct pack_hash_stream;

struct pack_hash_stream *pack_hash_stream_new(void); /* NULL: no memory */
void pack_hash_stream_free(struct pack_hash_stream *s);
bool pack_hash_stream_start(struct pack_hash_stream *s, enum pack_kind kind, uint64_t size,
			    struct err *e) MUST_CHECK;
bool pack_hash_stream_add(struct pack_hash_stream *s, const void *data, size_t len,
			  struct err *e) MUST_CHECK;
bool pack_hash_stream_end(struct pack_hash_stream *s, uint8_t id[PACK_ID_BYTES],
			  struct err *e) MUST_CHECK;

#endif
