/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/compress: what goes in comes out of the foreign decoder, whatever the pieces; a flush makes
 * everything decodable; memory stays within the bound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
/* Makes the input of zlib const. */
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "base/compress.h"

#define TEXT_BYTES  300000u
#define PLAIN_EXTRA 16u

static const enum compress_coding codings[] = {COMPRESS_GZIP, COMPRESS_ZSTD};

static void
keep(struct str data, void *arg)
{
	assert_true(data.len > 0);
	assert_true(buf_add_str(arg, data));
}

/* Text with some repetition, and a stretch that can't be compressed. */
static char *
make_text(size_t len)
{
	char *text = malloc(len);
	uint32_t random = 1;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		random = random * 1664525u + 1013904223u;
		text[i] = i > len / 2 && i < len * 3 / 4 ? (char)(random >> 24)
							 : "function(value){return "[i % 23];
	}
	return text;
}

/* Decodes as far as the input goes; returns the number of bytes. */
static size_t
decode(enum compress_coding coding, struct str in, char *out, size_t size)
{
	if (coding == COMPRESS_GZIP) {
		z_stream z = {.next_in = (const Bytef *)in.data, .avail_in = (uInt)in.len};
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		z.next_out = (Bytef *)out;
		z.avail_out = (uInt)size;
		int result = inflate(&z, Z_SYNC_FLUSH);
		assert_true(result == Z_OK || result == Z_STREAM_END);
		inflateEnd(&z);
		return size - z.avail_out;
	}
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer input = {in.data, in.len, 0};
	ZSTD_outBuffer output = {out, size, 0};
	while (input.pos < input.size) {
		size_t before = input.pos;
		assert_false(ZSTD_isError(ZSTD_decompressStream(d, &output, &input)));
		assert_true(input.pos > before || output.pos < output.size);
	}
	ZSTD_freeDCtx(d);
	return output.pos;
}

static void
check_pieces(enum compress_coding coding, const char *text, size_t len, size_t piece, bool flush)
{
	struct compressor *c = compressor_new(coding);
	struct err e = ERR_INIT;
	struct buf out;
	char *plain = malloc(len + PLAIN_EXTRA);

	assert_non_null(c);
	assert_non_null(plain);
	buf_init(&out, len * 2 + 1000000);
	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		assert_true(compressor_write(c, (struct str){text + at, n}, keep, &out, &e));
		if (!flush)
			continue;
		assert_true(compressor_flush(c, keep, &out, &e));
		assert_int_equal(decode(coding, buf_view(&out), plain, len + PLAIN_EXTRA), at + n);
		assert_memory_equal(plain, text, at + n);
	}
	assert_true(compressor_finish(c, keep, &out, &e));
	assert_int_equal(decode(coding, buf_view(&out), plain, len + PLAIN_EXTRA), len);
	assert_memory_equal(plain, text, len);
	compressor_free(c);
	buf_fini(&out);
	free(plain);
}

static void
test_pieces_of_any_size_come_out_whole(void **state)
{
	static const size_t pieces[] = {1, 7, 4096, 65536, 262144};
	char *text = make_text(TEXT_BYTES);

	(void)state;
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		check_pieces(codings[i], text, 0, 1, false);
		check_pieces(codings[i], text, 1, 1, true);
		for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++)
			check_pieces(codings[i], text, TEXT_BYTES, pieces[k], false);
	}
	free(text);
}

static void
test_flush_outputs_every_byte(void **state)
{
	char *text = make_text(20000);

	(void)state;
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		check_pieces(codings[i], text, 200, 1, true);
		check_pieces(codings[i], text, 20000, 999, true);
	}
	free(text);
}

static void
test_a_second_flush_adds_nothing(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
		struct compressor *c = compressor_new(codings[i]);
		struct buf out;
		assert_non_null(c);
		buf_init(&out, 65536);
		assert_true(compressor_flush(c, keep, &out, &e));
		assert_int_equal(out.len, 0);
		assert_true(compressor_write(c, STR("x"), keep, &out, &e));
		assert_true(compressor_flush(c, keep, &out, &e));
		size_t len = out.len;
		assert_true(len > 0);
		assert_true(compressor_flush(c, keep, &out, &e));
		assert_int_equal(out.len, len);
		compressor_free(c);
		buf_fini(&out);
	}
	compressor_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_of_any_size_come_out_whole),
		cmocka_unit_test(test_flush_outputs_every_byte),
		cmocka_unit_test(test_a_second_flush_adds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
