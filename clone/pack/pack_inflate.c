/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wraps one zlib stream, which is reset for each object.
 */
#include "clone/pack/pack_inflate.h"

#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

struct pack_inflate {
	z_stream stream;
};

struct pack_inflate *
pack_inflate_new(void)
{
	struct pack_inflate *p = calloc(1, sizeof(*p));

	if (p != NULL && inflateInit(&p->stream) != Z_OK) {
		free(p);
		return NULL;
	}
	return p;
}

void
pack_inflate_free(struct pack_inflate *p)
{
	if (p == NULL)
		return;
	(void)inflateEnd(&p->stream);
	free(p);
}

void
pack_inflate_reset(struct pack_inflate *p)
{
	(void)inflateReset(&p->stream);
}

static uInt
clamp(size_t len)
{
	return len > UINT32_MAX ? UINT32_MAX : (uInt)len;
}

enum pack_inflate_result
pack_inflate_step(struct pack_inflate *p, struct pack_inflate_io *io)
{
	z_stream *z = &p->stream;
	uInt in = clamp(io->in_len);
	uInt out = clamp(io->out_len);
	int code;

	z->next_in = io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	code = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_len -= in - z->avail_in;
	io->out += out - z->avail_out;
	io->out_len -= out - z->avail_out;
	if (code == Z_STREAM_END)
		return PACK_INFLATE_END;
	return code == Z_OK || code == Z_BUF_ERROR ? PACK_INFLATE_MORE : PACK_INFLATE_BAD;
}

uint32_t
pack_crc32(uint32_t crc, const uint8_t *data, size_t len)
{
	return (uint32_t)crc32_z(crc, data, len);
}
