/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that includes zstd.h, and that compresses with zlib. Both codecs are driven by one
 * loop: feed input, hand over each full output buffer, until the codec has nothing left to do.
 *
 * Levels were chosen by measurement (docs/performance.md): the least CPU per byte with most of the
 * reduction of a higher level. The windows are small, because a compressor lives as long as its
 * response.
 */
#include "base/compress.h"

#include <stdlib.h>
/* Makes the input of zlib const. */
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#define OUTPUT_BYTES 16384u

#define GZIP_LEVEL	  4
#define GZIP_MEMORY_LEVEL 8
/* 15 bits of window, and 16 more ask zlib for gzip's header and trailer. */
#define GZIP_WINDOW_BITS (15 + 16)

#define ZSTD_LEVEL	 5
#define ZSTD_WINDOW_BITS 16
#define ZSTD_TABLE_BITS	 15

enum operation { OPERATION_WRITE, OPERATION_FLUSH, OPERATION_FINISH };

struct compressor {
	enum compress_coding coding;
	/* Bytes were written since the last flush. */
	bool is_dirty;
	bool has_ended;
	z_stream gzip;
	ZSTD_CCtx *zstd;
};

static bool
open_gzip(struct compressor *c)
{
	return deflateInit2(&c->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
			    Z_DEFAULT_STRATEGY) == Z_OK;
}

/* Compressing nothing allocates all that is needed, so that no write fails for lack of memory. */
static bool
allocate_zstd(struct compressor *c)
{
	ZSTD_inBuffer in = {0};
	ZSTD_outBuffer out = {0};

	return !ZSTD_isError(ZSTD_compressStream2(c->zstd, &out, &in, ZSTD_e_continue));
}

static bool
open_zstd(struct compressor *c)
{
	static const struct {
		ZSTD_cParameter name;
		int value;
	} parameters[] = {
		{ZSTD_c_compressionLevel, ZSTD_LEVEL},
		{ZSTD_c_windowLog, ZSTD_WINDOW_BITS},
		{ZSTD_c_hashLog, ZSTD_TABLE_BITS},
	};

	c->zstd = ZSTD_createCCtx();
	if (c->zstd == NULL)
		return false;
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(c->zstd, parameters[i].name,
							parameters[i].value)))
			return false;
	return allocate_zstd(c) && ZSTD_sizeof_CCtx(c->zstd) <= COMPRESSOR_BYTES_MAX;
}

struct compressor *
compressor_new(enum compress_coding coding)
{
	struct compressor *c = calloc(1, sizeof(*c));
	bool is_open = false;

	if (c == NULL)
		return NULL;
	c->coding = coding;
	switch (coding) {
	case COMPRESS_GZIP:
		is_open = open_gzip(c);
		break;
	case COMPRESS_ZSTD:
		is_open = open_zstd(c);
		break;
	}
	if (is_open)
		return c;
	compressor_free(c);
	return NULL;
}

void
compressor_free(struct compressor *c)
{
	if (c == NULL)
		return;
	switch (c->coding) {
	case COMPRESS_GZIP:
		(void)deflateEnd(&c->gzip);
		break;
	case COMPRESS_ZSTD:
		(void)ZSTD_freeCCtx(c->zstd);
		break;
	}
	free(c);
}

/* One call of the codec. *data is moved past what it took; *is_done: the operation is complete. */
static bool
step_gzip(struct compressor *c, enum operation operation, struct str *data, struct buf *out,
	  bool *is_done)
{
	static const int flushes[] = {
		[OPERATION_WRITE] = Z_NO_FLUSH,
		[OPERATION_FLUSH] = Z_SYNC_FLUSH,
		[OPERATION_FINISH] = Z_FINISH,
	};
	uInt len = (uInt)(data->len < UINT32_MAX ? data->len : UINT32_MAX);

	c->gzip.next_in = (const Bytef *)data->data;
	c->gzip.avail_in = len;
	c->gzip.next_out = (Bytef *)out->data;
	c->gzip.avail_out = (uInt)out->size;
	int result = deflate(&c->gzip, flushes[operation]);
	*data = str_skip(*data, len - c->gzip.avail_in);
	out->len = out->size - c->gzip.avail_out;
	*is_done = operation == OPERATION_FINISH ? result == Z_STREAM_END
						 : data->len == 0 && c->gzip.avail_out > 0;
	/* Z_BUF_ERROR: nothing was left to do, which is no error. */
	return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
}

static bool
step_zstd(struct compressor *c, enum operation operation, struct str *data, struct buf *out,
	  bool *is_done)
{
	static const ZSTD_EndDirective directives[] = {
		[OPERATION_WRITE] = ZSTD_e_continue,
		[OPERATION_FLUSH] = ZSTD_e_flush,
		[OPERATION_FINISH] = ZSTD_e_end,
	};
	ZSTD_inBuffer in = {.src = data->data, .size = data->len};
	ZSTD_outBuffer output = {.dst = out->data, .size = out->size};
	size_t left = ZSTD_compressStream2(c->zstd, &output, &in, directives[operation]);

	*data = str_skip(*data, in.pos);
	out->len = output.pos;
	*is_done = operation == OPERATION_WRITE ? data->len == 0 : left == 0;
	return !ZSTD_isError(left);
}

static bool
run_codec(struct compressor *c, enum operation operation, struct str data,
	  compress_output_fn *output, void *arg)
{
	char bytes[OUTPUT_BYTES];
	bool is_done = false;

	while (!is_done) {
		struct buf out = {.data = bytes, .size = sizeof(bytes)};
		bool ok = c->coding == COMPRESS_GZIP
				  ? step_gzip(c, operation, &data, &out, &is_done)
				  : step_zstd(c, operation, &data, &out, &is_done);
		if (!ok)
			return false;
		if (out.len > 0)
			output(buf_view(&out), arg);
	}
	return true;
}

bool
compressor_write(struct compressor *c, struct str data, compress_output_fn *output, void *arg,
		 struct err *e)
{
	err_assert(!c->has_ended);
	if (data.len == 0)
		return true;
	c->is_dirty = true;
	return run_codec(c, OPERATION_WRITE, data, output, arg) ||
	       err_set(e, ERR_MEMORY, "out of memory for compression");
}

bool
compressor_flush(struct compressor *c, compress_output_fn *output, void *arg, struct err *e)
{
	if (!c->is_dirty || c->has_ended)
		return true;
	c->is_dirty = false;
	return run_codec(c, OPERATION_FLUSH, STR_NONE, output, arg) ||
	       err_set(e, ERR_MEMORY, "out of memory for compression");
}

bool
compressor_finish(struct compressor *c, compress_output_fn *output, void *arg, struct err *e)
{
	err_assert(!c->has_ended);
	c->has_ended = true;
	return run_codec(c, OPERATION_FINISH, STR_NONE, output, arg) ||
	       err_set(e, ERR_MEMORY, "out of memory for compression");
}
