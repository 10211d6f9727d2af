/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs through the indexer: those that git makes on the spot, compared with what git says about
 * them; broken, unusual and hostile ones made by hand.
 */
#include "clone/pack/indexer.h"

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/crypto/crypto.h"

#define PACK_MAX (32u * 1024u * 1024u)
#define PLENTY	 (256u * 1024u * 1024u)

static char folder[64];

/* A shell command that must succeed. */
static void PRINTF_LIKE(1, 2) run(const char *format, ...)
{
	char command[3072];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0) /* NOLINT(cert-env33-c,bugprone-command-processor): test */
		fail_msg("%s", command);
}

static struct buf
read_file(const char *path)
{
	struct buf b;
	char piece[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	buf_init(&b, PACK_MAX);
	assert_true(fd >= 0);
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		assert_true(buf_add(&b, piece, (size_t)n));
	close(fd);
	return b;
}

/* Source, history, and the packs that git makes of them. */
static int
make_packs(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-indexer-XXXXXX");
	assert_non_null(mkdtemp(folder));
	run("exec >'%s/x.log' 2>&1; set -e; cd '%s'; export HOME=/nonexistent; git init -q -b main "
	    "s; "
	    "cd s; git config user.name Sasha; git config user.email sasha@example.com; "
	    "for i in $(seq 1 60); do mkdir -p d/$((i %% 5)); "
	    "for j in 1 2 3; do seq 1 $((i * 20 + j)) | sed \"s/7/$i-$j/\" >d/$((i %% 5))/f$j; "
	    "done; "
	    "git add . ; git commit -q -m $i; done; "
	    "head -c 3000000 /dev/urandom >large; git add .; git commit -q -m large; "
	    "git tag -a -m t t; git rev-list --objects --all >../all; "
	    "git pack-objects -q --stdout --delta-base-offset --depth=50 <../all >../ofs.pack; "
	    "git pack-objects -q --stdout --depth=10 <../all >../ref.pack; "
	    "printf 'HEAD\\n^HEAD~3\\n' | git pack-objects -q --revs --thin --stdout "
	    "--delta-base-offset >../thin.pack; "
	    "git pack-objects -q --stdout </dev/null >../empty.pack; "
	    "without() { id=$(git rev-parse $2); grep -v ^$id ../all | "
	    "git pack-objects -q --stdout --delta-base-offset $3 >../$1.pack; }; "
	    "without no-file HEAD:large; without no-changed-file HEAD~9:d/1/f1; "
	    "without no-folder HEAD~30:d; without no-root HEAD~30^{tree}; "
	    "without no-parent HEAD~30; without no-tagged HEAD; "
	    "git rev-list --objects -3 HEAD | git pack-objects -q --stdout --delta-base-offset "
	    ">../shallow.pack; git rev-parse HEAD~2 >../shallow-ids; "
	    "grep -v ^$(git rev-parse HEAD:d) ../all | git pack-objects -q --stdout "
	    ">../no-base.pack",
	    folder, folder);
	git_libgit2_init();
	return 0;
}

static int
remove_packs(void **state)
{
	(void)state;
	git_libgit2_shutdown();
	run("rm -rf '%s'", folder);
	return 0;
}

struct outcome {
	int code;
	char message[256];
	char pack[512]; /* path without suffix; "": none */
	unsigned files; /* in objects/pack */
	git_indexer_progress stats;
	unsigned calls;
	unsigned stop_at; /* this call of the progress callback stops it; 0: none */
	bool stop_late;	  /* ... once all objects are received */
};

static int
on_progress(const git_indexer_progress *stats, void *arg)
{
	struct outcome *o = arg;

	o->calls++;
	if (o->stop_late && stats->received_objects == stats->total_objects)
		return GIT_EUSER;
	return o->stop_at != 0 && o->calls >= o->stop_at ? GIT_EUSER : 0;
}

static void
look_at_files(const char *repository, struct outcome *o)
{
	char path[256];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%s/objects/pack", repository);
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.')
			continue;
		o->files++;
		if (dot != NULL && strcmp(dot, ".idx") == 0)
			snprintf(o->pack, sizeof(o->pack), "%s/%.*s", path,
				 (int)(dot - entry->d_name), entry->d_name);
	}
	closedir(d);
}

/* Indexes a pack that comes in pieces, in a repository of its own at folder/r. */
static void
index_pack(struct str pack, size_t piece, const struct indexer_options *options, struct outcome *o)
{
	git_repository *repository = NULL;
	git_odb *odb = NULL;
	git_odb_writepack *writer = NULL;
	const git_error *last;
	char path[128];

	run("rm -rf '%s/r'", folder);
	snprintf(path, sizeof(path), "%s/r", folder);
	assert_int_equal(git_repository_init(&repository, path, 1), 0);
	assert_int_equal(indexer_install(repository, options), 0);
	assert_int_equal(git_repository_odb(&odb, repository), 0);
	assert_int_equal(git_odb_write_pack(&writer, odb, on_progress, o), 0);
	o->code = 0;
	while (o->code == 0 && pack.len > 0) {
		struct str now = str_take(pack, piece);

		o->code = writer->append(writer, now.data, now.len, &o->stats);
		pack = str_skip(pack, now.len);
	}
	if (o->code == 0)
		o->code = writer->commit(writer, &o->stats);
	last = git_error_last();
	if (o->code != 0 && last != NULL)
		snprintf(o->message, sizeof(o->message), "%s", last->message);
	writer->free(writer);
	git_odb_free(odb);
	git_repository_free(repository);
	look_at_files(path, o);
}

static void
assert_as_git_does(const struct outcome *o)
{
	assert_string_equal(o->message, "");
	assert_int_equal(o->code, 0);
	assert_int_equal(o->files, 2);
	run("cd '%s' && rm -f x.idx && git index-pack -o x.idx '%s.pack' >x.log 2>&1 && "
	    "cmp x.idx '%s.idx' && git -C r fsck --full --strict >>x.log 2>&1",
	    folder, o->pack, o->pack);
}

static struct buf
pack_named(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s.pack", folder, name);
	return read_file(path);
}

static void
test_pack_of_git(void **state)
{
	static const size_t pieces[] = {1, 19, 65515, PACK_MAX};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		const struct indexer_options options = {PLENTY, (unsigned)i + 1, true, NULL};
		struct outcome o = {.code = 0};

		index_pack(buf_view(&pack), pieces[i], &options, &o);
		assert_as_git_does(&o);
		assert_true(o.stats.total_objects > 300 && o.stats.total_deltas > 100);
		assert_int_equal(o.stats.received_objects, o.stats.total_objects);
		assert_int_equal(o.stats.indexed_objects, o.stats.total_objects);
		assert_int_equal(o.stats.indexed_deltas, o.stats.total_deltas);
		assert_true(o.calls > 1);
	}
	buf_fini(&pack);
}

/* Hardly anything fits into memory: objects are dropped and made again, or lie in files. */
static void
test_tiny_budgets(void **state)
{
	static const size_t budgets[] = {3000, 40000};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		const struct indexer_options options = {budgets[i], 2, true, NULL};
		struct outcome o = {.code = 0};

		index_pack(buf_view(&pack), 65536, &options, &o);
		assert_as_git_does(&o);
	}
	buf_fini(&pack);
}

static void
test_unusual_packs_go_to_libgit2(void **state)
{
	static const char *const names[] = {"ref", "empty"};
	const struct indexer_options options = {PLENTY, 2, true, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf pack = pack_named(names[i]);
		struct outcome o = {.code = 0};

		index_pack(buf_view(&pack), 1000, &options, &o);
		assert_as_git_does(&o);
		buf_fini(&pack);
	}
}

static void
test_objects_that_were_left_out(void **state)
{
	static const char *const names[] = {"no-file",	 "no-changed-file", "no-folder", "no-root",
					    "no-parent", "no-tagged",	    "no-base"};
	const struct indexer_options options = {PLENTY, 2, true, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf pack = pack_named(names[i]);
		struct outcome o = {.code = 0};

		index_pack(buf_view(&pack), 1000, &options, &o);
		assert_int_not_equal(o.code, 0);
		assert_int_equal(o.files, 0);
		if (strcmp(names[i], "no-base") != 0)
			assert_non_null(strstr(o.message, "did not send object"));
		buf_fini(&pack);
	}
}

static void
test_shallow_packs(void **state)
{
	struct buf shallow;
	const struct indexer_options options = {PLENTY, 2, true, &shallow};
	const struct indexer_options blind = {PLENTY, 2, true, NULL};
	struct buf pack = pack_named("shallow");
	struct outcome o = {.code = 0};
	char path[128];
	FILE *file;

	(void)state;
	buf_init(&shallow, 64);
	snprintf(path, sizeof(path), "%s/shallow-ids", folder);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(path, 42, file));
	assert_true(buf_add(&shallow, path, 41));
	fclose(file);
	index_pack(buf_view(&pack), 1000, &options, &o);
	assert_as_git_does(&o);
	o = (struct outcome){.code = 0};
	index_pack(buf_view(&pack), 1000, &blind, &o);
	assert_int_not_equal(o.code, 0);
	assert_non_null(strstr(o.message, "did not send object"));
	buf_fini(&shallow);
	buf_fini(&pack);
}

static void
test_thin_pack_without_its_bases(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("thin");
	struct outcome o = {.code = 0};

	(void)state;
	index_pack(buf_view(&pack), 1000, &options, &o);
	assert_int_not_equal(o.code, 0);
	assert_int_equal(o.files, 0);
	buf_fini(&pack);
}

/* Cut anywhere, a pack fails and leaves nothing. */
static void
test_cut_packs(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < 30; i++) {
		size_t len = i < 20 ? 2 * i : pack.len - (i - 19) * (i - 19) * (i - 19);
		struct outcome o = {.code = 0};

		index_pack(str_take(buf_view(&pack), len), 65536, &options, &o);
		assert_int_not_equal(o.code, 0);
		assert_string_equal(o.message, "truncated pack");
		assert_int_equal(o.files, 0);
	}
	buf_fini(&pack);
}

/* Whatever byte is damaged, it is noticed. */
static void
test_damaged_packs(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < 60; i++) {
		size_t at = i < 20 ? i : (pack.len - 1) / 59 * i;
		struct outcome o = {.code = 0};

		pack.data[at] = (char)(pack.data[at] ^ (1 << (i % 8)));
		index_pack(buf_view(&pack), 65536, &options, &o);
		assert_int_not_equal(o.code, 0);
		assert_int_equal(o.files, 0);
		pack.data[at] = (char)(pack.data[at] ^ (1 << (i % 8)));
	}
	buf_fini(&pack);
}

static void
test_stopped_by_progress(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("ofs");
	struct outcome early = {.stop_at = 3};
	struct outcome late = {.stop_late = true};

	(void)state;
	index_pack(buf_view(&pack), 1000, &options, &early);
	assert_int_equal(early.code, GIT_EUSER);
	assert_int_equal(early.files, 0);
	index_pack(buf_view(&pack), PACK_MAX, &options, &late);
	assert_int_equal(late.code, GIT_EUSER);
	assert_int_equal(late.files, 0);
	buf_fini(&pack);
}

/* Packs made by hand. */

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
	struct crypto_sha1 *sha1 = crypto_sha1_new();
	uint8_t digest[CRYPTO_SHA1_BYTES];

	assert_non_null(sha1);
	crypto_sha1_add(sha1, b->data, b->len);
	crypto_sha1_end(sha1, digest);
	crypto_sha1_free(sha1);
	assert_true(buf_add(b, digest, sizeof(digest)));
}

/* Ends the pack, indexes it, expects this failure; "": success. */
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

/* A blob, and a delta (its bytes given) upon it. */
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

/* Sizes that are claimed cost nothing before the bytes are there. */
static void
test_claims_are_not_believed(void **state)
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
test_nothing_is_a_pack(void **state)
{
	struct buf pack = pack_start(1);

	(void)state;
	pack.data[0] = 'B';
	expect(&pack, "not a pack");
}

/* libgit2's indexer decides about an object that is a duplicate entry, and about what git calls
 * deep. */
static void
test_odd_but_whole(void **state)
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
		cmocka_unit_test(test_pack_of_git),
		cmocka_unit_test(test_tiny_budgets),
		cmocka_unit_test(test_unusual_packs_go_to_libgit2),
		cmocka_unit_test(test_objects_that_were_left_out),
		cmocka_unit_test(test_shallow_packs),
		cmocka_unit_test(test_thin_pack_without_its_bases),
		cmocka_unit_test(test_cut_packs),
		cmocka_unit_test(test_damaged_packs),
		cmocka_unit_test(test_stopped_by_progress),
		cmocka_unit_test(test_deltas_are_checked),
		cmocka_unit_test(test_claims_are_not_believed),
		cmocka_unit_test(test_nothing_is_a_pack),
		cmocka_unit_test(test_odd_but_whole),
	};

	return cmocka_run_group_tests(tests, make_packs, remove_packs);
}
