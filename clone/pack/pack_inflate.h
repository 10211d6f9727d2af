/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inflates zlib streams step by step, and computes CRC-32. The only file that includes zlib is
 * pack_inflate.c.
 */
#ifndef CLONE_PACK_PACK_INFLATE_H
#define CLONE_PACK_PACK_INFLATE_H

#include <stddef.h>

#include "base/err.h"

struct pack_inflate;

enum pack_inflate_result {
	PACK_INFLATE_MORE, /* input or output space is used up */
	PACK_INFLATE_END,  /* the stream is complete and its checksum matches */
	PACK_INFLATE_BAD,
};

/* Input and output; each step advances both. */
struct pack_inflate_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
};

struct pack_inflate *pack_inflate_new(void); /* NULL: no memory */
void pack_inflate_free(struct pack_inflate *p);
void pack_inflate_reset(struct pack_inflate *p);
enum pack_inflate_result pack_inflate_step(struct pack_inflate *p,
					   struct pack_inflate_io *io) MUST_CHECK;

/* CRC-32 (ISO 3309) of more bytes; starts from 0. */
uint32_t pack_crc32(uint32_t crc, const uint8_t *data, size_t len);

#endif
