/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs that are made by hand: deltas and claims that are wrong, and what is odd but whole.
 */
#include "tests/unit/clone/pack/indexer_support.h"

static void
add_number(struct buf *b, unsigned type, uint64_t value)
{
	unsigned byte = type << 4 | (unsigned)(value & 15);

	for (value >>= 4; value > 0; value >>= 7) {
		buf_add_byte(b, (char)(byte | 0x80));
		byte = (unsigned)(value & 0x7f);
	}
	buf_add_byte(b, (char)byte);
}

static void
add_data(struct buf *b, struct str data)
{
	uLongf len = compressBound(data.len);
	Bytef *out = malloc(len);

	assert_non_null(out);
	assert_int_equal(compress(out, &len, (const Bytef *)data.data, data.len), Z_OK);
	assert_true(buf_add(b, out, len));
	free(out);
}

static struct buf
pack_start(unsigned objects)
{
	const char head[12] = {'P',	     'A', 'C', 'K', 0, 0, 0, 2, 0, 0, (char)(objects >> 8),
			       (char)objects};
	struct buf b;

	buf_init(&b, PACK_MAX);
	assert_true(buf_add(&b, head, sizeof(head)));
	return b;
}

static void
pack_end(struct buf *b)
{
	struct crypto_digest *sha1 = crypto_sha1_new();
	uint8_t digest[CRYPTO_SHA1_BYTES];

	assert_non_null(sha1);
	crypto_digest_add(sha1, b->data, b->len);
	crypto_digest_end(sha1, digest);
	crypto_digest_free(sha1);
	assert_true(buf_add(b, digest, sizeof(digest)));
}

/* Ends the pack, indexes it, and expects this failure; "": success. */
static void
expect(struct buf *pack, const char *message)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct outcome o = {.code = 0};

	pack_end(pack);
	index_pack(buf_view(pack), 1000, &options, &o);
	assert_string_equal(o.message, message);
	assert_int_equal(o.code == 0, message[0] == '\0');
	assert_int_equal(o.files, message[0] == '\0' ? 2 : 0);
	buf_fini(pack);
}

/* Adds a blob, and a delta of it with these bytes. */
static void
expect_delta(struct str delta, uint64_t declared, unsigned distance_add, const char *message)
{
	struct buf pack = pack_start(2);
	size_t blob = pack.len;
	size_t at;

	add_number(&pack, 3, 10);
	add_data(&pack, STR("0123456789"));
	at = pack.len;
	add_number(&pack, 6, declared);
	buf_add_byte(&pack, (char)(at - blob + distance_add));
	add_data(&pack, delta);
	expect(&pack, message);
}

static void
test_deltas_are_checked(void **state)
{
	(void)state;
	expect_delta(STR("\x0a\x03\x90\x03"), 4, 0, "");
	expect_delta(STR("\x0a\x02\x02xy"), 5, 0, "");
	expect_delta(STR("\x0a\x03\x90\x03"), 4, 1, "delta base is not an object");
	expect_delta(STR("\x0a\x03\x90\x03"), 4, 90, "delta base outside the pack");
	expect_delta(STR("\x0a\x03\x90\x03"), 3, 0, "object is longer than declared");
	expect_delta(STR("\x0a\x03\x90\x03"), 5, 0, "object is shorter than declared");
	expect_delta(STR("\x0b\x03\x90\x03"), 4, 0, "delta does not match the size of its base");
	expect_delta(STR("\x0a\x04\x90\x03"), 4, 0, "delta result does not have the declared size");
	expect_delta(STR("\x0a\x02\x90\x03"), 4, 0, "delta result does not have the declared size");
	expect_delta(STR("\x0a\x0b\x90\x0b"), 4, 0, "delta copies from beyond its base");
	expect_delta(STR("\x0a\x03\x91\xff\x03"), 5, 0, "delta copies from beyond its base");
	expect_delta(STR("\x0a\x03\x90"), 3, 0, "invalid delta instruction");
	expect_delta(STR("\x0a\x03\x00xyz"), 6, 0, "invalid delta instruction");
	expect_delta(STR("\x0a\x03\x04xyz"), 6, 0, "invalid delta instruction");
	expect_delta(STR("\x0a"), 1, 0, "delta without its lengths");
	expect_delta(STR("\x0a\xff\xff\xff\xff\x7f\x90\x03"), 8, 0,
		     "delta result of 34359738367 bytes is too large");
}

/* Declared sizes allocate nothing before the bytes arrive. */
static void
test_declared_sizes_are_not_trusted(void **state)
{
	struct buf huge = pack_start(1);
	struct buf impossible = pack_start(1);
	struct buf many = pack_start(1);
	struct buf more = pack_start(1);
	struct buf unknown = pack_start(1);

	(void)state;
	add_number(&huge, 3, 1ull << 50);
	add_data(&huge, STR("0123456789"));
	expect(&huge, "object is shorter than declared");
	buf_add(&impossible, "\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12);
	expect(&impossible, "invalid object size");
	memset(many.data + 8, 0x7f, 4);
	expect(&many, "pack with more than 33554432 objects");
	add_number(&more, 3, 1);
	add_data(&more, STR("x"));
	buf_add_str(&more, STR("more"));
	expect(&more, "trailing bytes after the pack");
	add_number(&unknown, 5, 1);
	add_data(&unknown, STR("x"));
	expect(&unknown, "unknown object type");
}

static void
test_data_that_is_no_pack(void **state)
{
	struct buf pack = pack_start(1);

	(void)state;
	pack.data[0] = 'B';
	expect(&pack, "not a pack");
}

/* libgit2's indexer handles duplicate objects, and chains that git calls deep. */
static void
test_unusual_but_complete(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf twice = pack_start(2);
	struct buf deep = pack_start(9000);
	struct outcome o = {.code = 0};
	size_t before;

	(void)state;
	for (int i = 0; i < 2; i++) {
		add_number(&twice, 3, 1);
		add_data(&twice, STR("x"));
	}
	pack_end(&twice);
	index_pack(buf_view(&twice), 1000, &options, &o);
	assert_true(o.code != 0 || o.files == 2);
	buf_fini(&twice);
	before = deep.len;
	add_number(&deep, 3, 6);
	add_data(&deep, STR("abcdef"));
	for (unsigned i = 1; i < 9000; i++) {
		char delta[11] = "\x06\x06\x90\x02\x04";
		size_t at = deep.len;

		snprintf(delta + 5, 5, "%04u", i);
		add_number(&deep, 6, 9);
		buf_add_byte(&deep, (char)(at - before));
		before = at;
		add_data(&deep, (struct str){delta, 9});
	}
	pack_end(&deep);
	o = (struct outcome){.code = 0};
	index_pack(buf_view(&deep), 1000, &options, &o);
	assert_as_git_does(&o);
	buf_fini(&deep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deltas_are_checked),
		cmocka_unit_test(test_declared_sizes_are_not_trusted),
		cmocka_unit_test(test_data_that_is_no_pack),
		cmocka_unit_test(test_unusual_but_complete),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
