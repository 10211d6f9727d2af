/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of shares: what is damaged, foreign or malformed restores nothing and is set aside; what
 * was stored comes back, also under older keys; without a disk shares go on in memory.
 */
#include "auth/share/share_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "auth/cookie/sealed_image.h"
#include "tests/unit/auth/auth_fixture.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define ORIGIN	  STR("https://kiwi.ws.example.com")
#define IMAGE_MAX (256u * 1024)

/* The same as in share_file.c. */
static const struct sealed_image_kind kind = {
	.head = "WPSHAR\n",
	.version = 1,
	.key_info = "workspace-proxy share file 1",
	.wrong_kind = "not a file of shares",
	.max_bytes = 128u * 1024,
};

static char directory[64];
static char path[96];
static char image[IMAGE_MAX];
static size_t image_len;
static struct share_file_entry restored[AUTH_SHARES_MAX];
static size_t restored_count;
static struct port_shares_options options;
static struct port_share_list all;

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/share-file-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/shares", directory);
	world_setup(&world);
	world.settings.state_dir = directory;
	restored_count = 0;
	options = (struct port_shares_options){
		.settings = &world.settings, .loop = world.loop, .origin = ORIGIN};
	return 0;
}

static int
teardown(void **state)
{
	struct port_share *p;

	while ((p = LIST_FIRST(&all)) != NULL) {
		LIST_REMOVE(p, entry);
		port_share_unref(p);
	}
	assert_int_equal(remove_tree(directory), 0);
	return teardown_world(state);
}

static void
on_restore(const struct share_file_entry *stored, void *arg)
{
	assert_ptr_equal(arg, &world);
	assert_true(restored_count < AUTH_SHARES_MAX);
	restored[restored_count++] = *stored;
}

static struct share_file *
open_file(void)
{
	struct err e = ERR_INIT;
	struct share_file *f = share_file_open(&options, on_restore, &world, &e);

	assert_non_null(f);
	return f;
}

static void
read_image(void)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, image, sizeof(image));

	assert_true(fd >= 0 && n > 0);
	image_len = (size_t)n;
	(void)close(fd);
}

static void
write_image(size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, len), len);
	(void)close(fd);
}

static bool
log_says(const char *words)
{
	return strstr(log_text(world.log_fd), words) != NULL;
}

/* Removes the set-aside files; returns their number. */
static size_t
count_aside(void)
{
	DIR *d = opendir(directory);
	char name[400];
	size_t count = 0;

	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		if (strncmp(entry->d_name, "shares.corrupt-", 15) != 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", directory, entry->d_name);
		assert_int_equal(unlink(name), 0);
		count++;
	}
	(void)closedir(d);
	return count;
}

/* The file restores nothing. */
static void
assert_set_aside(const char *why)
{
	struct share_file *f = open_file();

	assert_int_equal(restored_count, 0);
	assert_int_equal(count_aside(), 1);
	assert_true(log_says("share file set aside") && log_says(why));
	share_file_close(f, &all);
}

static void
share(uint16_t port, enum auth_audience audience, const char *of, int64_t until_ms, const char *by)
{
	struct port_share_terms terms = {.port = port, .audience = audience, .until_ms = until_ms};
	struct port_share *p;

	(void)snprintf(terms.members, sizeof(terms.members), "%s", of);
	p = port_share_new(&terms, 42, by, &world.settings);
	assert_non_null(p);
	LIST_INSERT_HEAD(&all, p, entry);
}

/* Writes a file with these shares, as a process does. */
static void
store_and_close(void)
{
	struct share_file *f = open_file();

	share_file_store(f, &all);
	share_file_close(f, &all);
	read_image();
	restored_count = 0;
}

/* Writes a file with any content, sealed like ours. */
static void
write_plain(const char *plain)
{
	struct sealed_image sealed;
	struct err e = ERR_INIT;
	struct buf out;

	assert_true(sealed_image_init(&sealed, &kind, &world.settings, ORIGIN, &e));
	assert_true(sealed_image_seal(&sealed, str_from(plain), &out, &e));
	memcpy(image, out.data, out.len);
	write_image(out.len);
	buf_fini(&out);
	sealed_image_fini(&sealed);
}

#define SHARE(fields)	"{" fields "}"
#define SHARES(entries) "{\"shares\":[" entries "]}"
#define GOOD                                                                                       \
	SHARE("\"port\":8080,\"audience\":\"public\",\"of\":\"\",\"until_ms\":0,\"by_id\":42,"     \
	      "\"by\":\"sasha\"")

/* A well-formed file, from which the malformed ones differ in one place each. */
static void
test_well_formed_shares(void **state)
{
	(void)state;
	write_plain(SHARES(GOOD));
	share_file_close(open_file(), &all);
	assert_int_equal(restored_count, 1);
	assert_int_equal(restored[0].terms.port, 8080);
	assert_string_equal(restored[0].shared_by, "sasha");
}

/* A malformed share after a well-formed one: nothing is restored. */
static void
test_malformed_shares(void **state)
{
	static const char *const plains[] = {
		"",
		"{",
		"nonsense",
		SHARES(GOOD ","),
		SHARES(GOOD ",1"),
		SHARES(GOOD ",{}"),
		SHARES(GOOD ",[]"),
		SHARES(GOOD "," SHARE("\"audience\":\"public\",\"of\":\"\",\"until_ms\":0,"
				      "\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":0,\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":65536,\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":\"1\",\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":1,\"audience\":\"everybody\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":1,\"audience\":\"public\",\"of\":1,"
				      "\"until_ms\":0,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":1,\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":1e99,\"by_id\":42,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":1,\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":-1,\"by\":\"sasha\"")),
		SHARES(GOOD "," SHARE("\"port\":1,\"audience\":\"public\",\"of\":\"\","
				      "\"until_ms\":0,\"by_id\":42,\"by\":null")),
		SHARES(GOOD ",[[[[[[[[[[[[]]]]]]]]]]]]"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
		write_plain(plains[i]);
		assert_set_aside("\"error\"");
	}
}

/* One byte longer than the limit. */
static void
test_texts_that_are_too_long(void **state)
{
	static const struct {
		const char *field;
		size_t max;
	} cases[] = {{"of", AUTH_SHARE_MEMBERS_MAX}, {"by", GITLAB_TEXT_MAX}};
	static char plain[8192];
	static char text[AUTH_SHARE_MEMBERS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_of = strcmp(cases[i].field, "of") == 0;

		for (size_t len = cases[i].max; len <= cases[i].max + 1; len++) {
			memset(text, 'x', len);
			text[len] = '\0';
			(void)snprintf(plain, sizeof(plain),
				       SHARES(SHARE("\"port\":8080,\"audience\":\"users\","
						    "\"of\":\"%s\",\"until_ms\":0,\"by_id\":42,"
						    "\"by\":\"%s\"")),
				       is_of ? text : "", is_of ? "" : text);
			write_plain(plain);
			restored_count = 0;
			share_file_close(open_file(), &all);
			assert_int_equal(restored_count, len == cases[i].max);
			assert_int_equal(count_aside(), len > cases[i].max);
		}
	}
}

/* Flips every bit, and cuts at every place. */
static void
test_damaged(void **state)
{
	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	for (size_t i = 0; i < image_len; i++) {
		image[i] ^= (char)(1 << (i % 8));
		write_image(image_len);
		share_file_close(open_file(), &all);
		assert_int_equal(restored_count, 0);
		assert_int_equal(count_aside(), 1);
		image[i] ^= (char)(1 << (i % 8));
		write_image(i);
		share_file_close(open_file(), &all);
		assert_int_equal(restored_count, 0);
		assert_int_equal(count_aside(), 1);
	}
	write_image(image_len);
	share_file_close(open_file(), &all);
	assert_int_equal(restored_count, 1);
}

static void
test_too_large(void **state)
{
	struct share_file *f;

	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	memset(image + image_len, 0, sizeof(image) - image_len);
	write_image(sizeof(image));
	assert_set_aside("\"error\"");
	f = open_file();
	share_file_store(f, &all);
	for (unsigned i = 0; i < 2000; i++)
		share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	share_file_close(f, &all);
	assert_true(log_says("state not stored"));
}

static void
test_file_of_another_version(void **state)
{
	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	image[7]++;
	write_image(image_len);
	assert_set_aside("another version");
}

static void
test_file_of_another_kind(void **state)
{
	(void)state;
	memcpy(image, "WPSESS\n\1", 8);
	write_image(200);
	assert_set_aside("not a file of shares");
}

static void
test_file_of_another_workspace(void **state)
{
	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	options.origin = STR("https://plum.ws.example.com");
	assert_set_aside("of another workspace");
}

static void
test_of_other_keys(void **state)
{
	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	secret_free(world.settings.cookie_keys.keys[0]);
	world.settings.cookie_keys.keys[0] =
		secret_from_str(STR("another-0123456789abcdef-another"));
	assert_set_aside("cookie secret");
}

static void
test_a_directory_that_is_not_there(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world.settings.state_dir = "/nonexistent/directory";
	assert_null(share_file_open(&options, on_restore, &world, &e));
	assert_non_null(strstr(e.text, "state directory"));
}

static bool
is_failing(void)
{
	return log_says("port shares can't be stored");
}

/* A folder is in the place of the file; the next write succeeds. */
static void
test_unwritable_disk(void **state)
{
	struct share_file *f = open_file();
	char inner[128];

	(void)state;
	(void)snprintf(inner, sizeof(inner), "%s/x", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	share_file_store(f, &all);
	world_run_until(&world, is_failing);
	assert_int_equal(remove_tree(path), 0);
	share_file_close(f, &all);
	share_file_close(open_file(), &all);
	assert_int_equal(restored_count, 1);
}

/* Shares that were never used create no file. */
static void
test_without_shares_there_is_no_file(void **state)
{
	(void)state;
	share_file_close(open_file(), &all);
	assert_int_not_equal(access(path, F_OK), 0);
	share_file_store(NULL, &all);
	share_file_close(NULL, &all);
}

/* The maximum number of shares, with the longest texts, which JSON has to escape. */
static void
test_all_fields_are_restored(void **state)
{
	static char of[AUTH_SHARE_MEMBERS_MAX + 1];
	static char by[GITLAB_TEXT_MAX + 1];
	struct stat st;

	(void)state;
	memset(of, 'x', sizeof(of) - 1);
	memset(by, '"', sizeof(by) - 1);
	for (uint16_t i = AUTH_SHARES_MAX; i-- > 0;)
		share((uint16_t)(8000 + i), AUTH_AUDIENCE_USERS, of, 4102444800000 + i, by);
	store_and_close();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	share_file_close(open_file(), &all);
	assert_int_equal(restored_count, AUTH_SHARES_MAX);
	for (uint16_t i = 0; i < AUTH_SHARES_MAX; i++) {
		assert_int_equal(restored[i].terms.port, 8000 + i);
		assert_int_equal(restored[i].terms.audience, AUTH_AUDIENCE_USERS);
		assert_int_equal(restored[i].terms.until_ms, 4102444800000 + i);
		assert_string_equal(restored[i].terms.members, of);
		assert_int_equal(restored[i].by_id, 42);
		assert_string_equal(restored[i].shared_by, by);
	}
}

/* Whether the file differs from the one that was read: each seal has another nonce. */
static bool
is_stored_again(void)
{
	char now[SEALED_IMAGE_HEAD_BYTES + 12];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, now, sizeof(now));

	assert_true(fd >= 0 && n == sizeof(now));
	(void)close(fd);
	return memcmp(now, image, sizeof(now)) != 0;
}

/* Both keys during rotation, then only the new one. */
static void
test_keys_that_rotate(void **state)
{
	struct auth_settings *s = &world.settings;
	struct err e = ERR_INIT;
	struct share_file *f;

	(void)state;
	share(8080, AUTH_AUDIENCE_PUBLIC, "", 0, "sasha");
	store_and_close();
	f = open_file();
	assert_int_equal(restored_count, 1);
	s->cookie_keys.keys[1] = s->cookie_keys.keys[0];
	s->cookie_keys.keys[0] = secret_from_str(STR("another-0123456789abcdef-another"));
	s->cookie_keys.count = 2;
	assert_true(share_file_replace_keys(f, &all, &s->cookie_keys, &e));
	assert_true(share_file_replace_keys(NULL, &all, &s->cookie_keys, &e));
	world_run_until(&world, is_stored_again);
	share_file_close(f, &all);
	secret_free(s->cookie_keys.keys[1]);
	s->cookie_keys.count = 1;
	restored_count = 0;
	share_file_close(open_file(), &all);
	assert_int_equal(restored_count, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_well_formed_shares),
		T(test_malformed_shares),
		T(test_texts_that_are_too_long),
		T(test_damaged),
		T(test_too_large),
		T(test_file_of_another_version),
		T(test_file_of_another_kind),
		T(test_file_of_another_workspace),
		T(test_of_other_keys),
		T(test_a_directory_that_is_not_there),
		T(test_unwritable_disk),
		T(test_without_shares_there_is_no_file),
		T(test_all_fields_are_restored),
		T(test_keys_that_rotate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
