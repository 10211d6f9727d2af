/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of a stream of bytes, gzip (RFC 1952) or Zstandard (RFC 8878), for content codings of
 * HTTP. Output goes to a callback as it is produced; nothing but the codec's window is kept.
 *
 * Memory per compressor: at most COMPRESSOR_BYTES_MAX, until compressor_free.
 */
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "base/str.h"

enum compress_coding { COMPRESS_GZIP, COMPRESS_ZSTD };

#define COMPRESSOR_BYTES_MAX (768u * 1024u)

struct compressor;

/* Takes a piece of the output, valid during the call only. */
typedef void compress_output_fn(struct str data, void *arg);

/* NULL: out of memory. The caller frees it. */
struct compressor *compressor_new(enum compress_coding coding) MUST_CHECK;
void compressor_free(struct compressor *c);

/* Compresses data; the codec may keep some of it until the next flush. On failure
 * (ERR_MEMORY) the stream is unusable. */
bool compressor_write(struct compressor *c, struct str data, compress_output_fn *output, void *arg,
		      struct err *e) MUST_CHECK;

/* Makes everything written so far decodable by the receiver. Without new data it does nothing. */
bool compressor_flush(struct compressor *c, compress_output_fn *output, void *arg,
		      struct err *e) MUST_CHECK;

/* Ends the stream; nothing can be written afterwards. */
bool compressor_finish(struct compressor *c, compress_output_fn *output, void *arg,
		       struct err *e) MUST_CHECK;

#endif
