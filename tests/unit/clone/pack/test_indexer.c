/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs through the indexer: those that git makes on the spot, compared with what git says about
 * them; broken, unusual and hostile ones made by hand.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "tests/unit/clone/pack/indexer_support.h"
#include "tests/unit/emulated.h"

static int pread_error; /* of every other call; 0: none */

/* Stands in for the C library's, to which signals and disks do such things. */
ssize_t
pread(int fd, void *data, size_t size, off_t offset)
{
	static bool fails;

	fails = !fails;
	if (pread_error != 0 && fails) {
		errno = pread_error;
		return -1;
	}
	return syscall(SYS_pread64, fd, data, size, offset);
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

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		const struct indexer_options options = {PLENTY, (unsigned)i + 1, true, NULL};
		/* Byte by byte without the large file: each byte costs a system call. */
		struct buf pack = pack_named(pieces[i] == 1 ? "small" : "ofs");
		struct outcome o = {.code = 0};

		index_pack(buf_view(&pack), pieces[i], &options, &o);
		assert_as_git_does(&o);
		assert_true(o.stats.total_objects > 300 && o.stats.total_deltas > 100);
		assert_int_equal(o.stats.received_objects, o.stats.total_objects);
		assert_int_equal(o.stats.indexed_objects, o.stats.total_objects);
		assert_int_equal(o.stats.indexed_deltas, o.stats.total_deltas);
		assert_true(o.calls > 1);
		buf_fini(&pack);
	}
}

/* Almost nothing fits into memory: objects are evicted and rebuilt, or stored in files. */
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

/* By our own parser, and by libgit2 after a look at the pack's first part. */
static void
test_reads_that_a_signal_interrupts(void **state)
{
	static const char *const names[] = {"ofs", "ref"};
	const struct indexer_options options = {40000, 1, true, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf pack = pack_named(names[i]);
		struct outcome o = {.code = 0};

		pread_error = EINTR;
		index_pack(buf_view(&pack), 65536, &options, &o);
		pread_error = 0;
		assert_as_git_does(&o);
		buf_fini(&pack);
	}
}

/* A failing disk is not the fault of the pack, which would be refused for good. */
static void
test_reads_that_fail(void **state)
{
	static const char *const names[] = {"ofs", "ref"};
	const struct indexer_options options = {PLENTY, 1, true, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf pack = pack_named(names[i]);
		struct outcome o = {.code = 0};

		pread_error = EIO;
		index_pack(buf_view(&pack), 65536, &options, &o);
		pread_error = 0;
		assert_int_not_equal(o.code, 0);
		assert_non_null(strstr(o.message, strerror(EIO)));
		assert_int_equal(o.class, GIT_ERROR_OS);
		assert_int_equal(o.files, 0);
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

/* A pack that is cut anywhere fails and leaves no files. */
static void
test_cut_packs(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < 30; i += UNLESS_EMULATED(1, 3)) {
		size_t len = i < 20 ? 2 * i : pack.len - (i - 19) * (i - 19) * (i - 19);
		struct outcome o = {.code = 0};

		index_pack(str_take(buf_view(&pack), len), 65536, &options, &o);
		assert_int_not_equal(o.code, 0);
		assert_string_equal(o.message, "truncated pack");
		assert_int_equal(o.files, 0);
	}
	buf_fini(&pack);
}

/* Any damaged byte is detected. */
static void
test_damaged_packs(void **state)
{
	const struct indexer_options options = {PLENTY, 2, false, NULL};
	struct buf pack = pack_named("ofs");

	(void)state;
	for (size_t i = 0; i < 60; i += UNLESS_EMULATED(1, 5)) {
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

/* Packs built by this test. */

static bool
has_object(git_repository *repository, const git_oid *id)
{
	git_odb *odb = NULL;

	assert_int_equal(git_repository_odb(&odb, repository), 0);
	bool has = git_odb_exists(odb, id) == 1;
	git_odb_free(odb);
	return has;
}

/* libgit2 looks for the object of each ref before it requests a pack: 20,000 refs would mean 20,000
 * searches of the disk. */
static void
test_disk_is_not_searched(void **state)
{
	const struct indexer_options options = {PLENTY, 1, true, NULL};
	git_repository *repository = NULL;
	git_odb *former = NULL;
	char path[128];
	git_oid id;

	(void)state;
	snprintf(path, sizeof(path), "%s/on-disk", folder);
	assert_int_equal(git_repository_init(&repository, path, 1), 0);
	assert_int_equal(git_blob_create_from_buffer(&id, repository, "x", 1), 0);
	assert_true(has_object(repository, &id));
	assert_int_equal(indexer_install(repository, &options, &former), 0);
	assert_false(has_object(repository, &id));
	indexer_remove(repository, former);
	assert_true(has_object(repository, &id));
	git_repository_free(repository);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pack_of_git),
		cmocka_unit_test(test_tiny_budgets),
		cmocka_unit_test(test_unusual_packs_go_to_libgit2),
		cmocka_unit_test(test_reads_that_a_signal_interrupts),
		cmocka_unit_test(test_reads_that_fail),
		cmocka_unit_test(test_objects_that_were_left_out),
		cmocka_unit_test(test_shallow_packs),
		cmocka_unit_test(test_thin_pack_without_its_bases),
		cmocka_unit_test(test_cut_packs),
		cmocka_unit_test(test_damaged_packs),
		cmocka_unit_test(test_stopped_by_progress),
		cmocka_unit_test(test_disk_is_not_searched),
	};

	return cmocka_run_group_tests(tests, make_packs, remove_folder);
}
