/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LFS: which files are pointers, the batch API's requests and answers, and where objects may come
 * from.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clone/lfs/lfs_batch.h"
#include "clone/lfs/lfs_remote.h"

#define OID  "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
#define HEAD "version https://git-lfs.github.com/spec/v1\n"

static bool
parse(const char *text, struct lfs_pointer *p)
{
	return lfs_pointer_parse(p, str_from(text));
}

static void
test_pointers(void **state)
{
	static const char *const good[] = {
		HEAD "oid sha256:" OID "\nsize 12345\n",
		HEAD "oid sha256:" OID "\nsize 12345",
		"\n" HEAD "\noid sha256:" OID "\n\nsize 12345\n\n",
		"version https://git-lfs.github.com/spec/v1\r\noid sha256:" OID
		"\r\nsize 12345\r\n",
		"version https://hawser.github.com/spec/v1\noid sha256:" OID "\nsize 12345\n",
	};
	static const char *const bad[] = {
		"",
		"\n",
		HEAD,
		HEAD "oid sha256:" OID "\n",
		HEAD "size 12345\noid sha256:" OID "\n",
		HEAD "oid sha256:" OID "\nsize -1\n",
		HEAD "oid sha256:" OID "\nsize 9223372036854775808\n",
		HEAD "oid sha256:" OID "\nsize 1\nmore\n",
		HEAD "oid sha256:" OID "0\nsize 1\n",
		HEAD "oid sha256:../../../../../../../../../../../../../../../../../../../../etc/"
		     "\nsize 1\n",
		HEAD "oid md5:" OID "\nsize 1\n",
		HEAD "ext-0-foo sha256:" OID "\noid sha256:" OID "\nsize 1\n",
		"version https://git-lfs.github.com/spec/v2\noid sha256:" OID "\nsize 1\n",
	};
	struct lfs_pointer p;
	char oid[LFS_OID_DIGITS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse(good[i], &p));
		assert_int_equal(p.size, 12345);
		lfs_pointer_format_oid(&p, oid);
		assert_string_equal(oid, OID);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i], &p));
	assert_false(lfs_pointer_parse(&p, STR("version \0")));
}

static struct lfs_pointer
numbered(uint8_t number, uint64_t size)
{
	struct lfs_pointer p = {.size = size};

	p.oid[31] = number;
	return p;
}

static void
test_objects(void **state)
{
	struct lfs_objects o = {.items = NULL};
	struct lfs_pointer absent = numbered(9, 1);

	(void)state;
	assert_null(lfs_objects_find(&o, &absent));
	for (unsigned i = 0; i < 300; i++) {
		struct lfs_pointer p = numbered((uint8_t)(7 - i % 5), i % 5);

		assert_true(lfs_objects_add(&o, &p));
	}
	lfs_objects_sort(&o);
	assert_int_equal(o.count, 5);
	assert_int_equal(o.bytes, 10);
	assert_int_equal(lfs_objects_count(&o, LFS_WANTED), 5);
	assert_null(lfs_objects_find(&o, &absent));
	absent = numbered(5, 2);
	assert_non_null(lfs_objects_find(&o, &absent));
	absent.size = INT64_MAX;
	for (unsigned i = 0; i < 3; i++) {
		absent.oid[0] = (uint8_t)i;
		assert_true(lfs_objects_add(&o, &absent));
	}
	lfs_objects_sort(&o);
	assert_true(o.bytes == UINT64_MAX);
	lfs_objects_fini(&o);
}

static void
test_requests(void **state)
{
	struct lfs_object one = {.pointer = numbered(1, 7)};
	struct lfs_object two = {.pointer = numbered(2, 0)};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_true(lfs_batch_write(&out, (struct lfs_object *[]){&one, &two}, 2));
	assert_true(buf_add_byte(&out, '\0'));
	assert_string_equal(
		out.data,
		"{\"operation\":\"download\",\"transfers\":[\"basic\"],\"hash_algo\":\"sha256\","
		"\"objects\":[{\"oid\":"
		"\"0000000000000000000000000000000000000000000000000000000000000001\",\"size\":7},"
		"{\"oid\":\"0000000000000000000000000000000000000000000000000000000000000002\","
		"\"size\":0}]}");
	buf_fini(&out);
}

static bool
read(const char *objects, struct lfs_action *action, struct arena *arena)
{
	static struct lfs_object one;
	struct lfs_object *wanted = &one;
	struct err e = ERR_INIT;
	struct buf text;
	bool ok;

	one.pointer = numbered(1, 7);
	buf_init(&text, 65536);
	assert_true(buf_add_str(&text, str_from(objects)));
	ok = lfs_batch_read(buf_view(&text), &wanted, 1, action, arena, &e);
	assert_true(ok || e.code == ERR_PROTOCOL);
	buf_fini(&text);
	return ok;
}

/* Builds an answer with this many objects that were not requested. */
static bool
read_many(size_t count, struct lfs_action *action, struct arena *arena)
{
	struct buf text;

	buf_init(&text, 8192);
	buf_add_str(&text, STR("{\"objects\":[{\"oid\":\"2\"}"));
	for (size_t i = 1; i < count; i++)
		buf_add_str(&text, STR(",{\"oid\":\"2\"}"));
	buf_add_str(&text, STR("]}"));
	assert_true(buf_add_byte(&text, '\0'));
	bool ok = read(text.data, action, arena);
	buf_fini(&text);
	return ok;
}

#define ONE "\"oid\":\"0000000000000000000000000000000000000000000000000000000000000001\""

static void
test_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"[]7",
		"{\"transfer\":\"ssh\"}",
		"{\"transfer\":7}",
		"{\"hash_algo\":\"sha512\"}",
		"{\"objects\":[7]}",
		"{\"objects\":[{\"oid\":7}]}",
		"{\"objects\":[{" ONE ",\"actions\":{\"download\":{}}}]}",
		"{\"objects\":[{" ONE ",\"actions\":{\"download\":{\"href\":7}}}]}",
		"{\"objects\":[{" ONE ",\"actions\":{\"download\":{\"href\":\"x\","
		"\"header\":{\"Authorization\":\"a\\r\\nb\"}}}}]}",
		"{\"objects\":[{" ONE ",\"actions\":{\"download\":{\"href\":\"x\","
		"\"header\":{\"Authorization\":7}}}}]}",
	};
	struct lfs_action a;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1u << 20);
	assert_true(read("{\"objects\":[{" ONE
			 ",\"actions\":{\"download\":{\"href\":\"https://a/b\","
			 "\"header\":{\"X\":\"y\",\"authorization\":\"Basic x\"}}}}]}",
			 &a, &arena));
	assert_string_equal(a.href, "https://a/b");
	assert_string_equal(a.authorization, "Basic x");
	assert_null(a.problem);
	assert_true(read("{\"objects\":[{" ONE ",\"error\":{\"code\":404,\"message\":\"gone\"}}]}",
			 &a, &arena));
	assert_null(a.href);
	assert_string_equal(a.problem, "gone");
	assert_true(read("{\"transfer\":\"basic\",\"objects\":[{\"oid\":\"2\"}]}", &a, &arena));
	assert_non_null(a.problem);
	assert_true(read("{\"objects\":null}", &a, &arena));
	assert_non_null(a.problem);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(read(bad[i], &a, &arena));
	assert_true(read_many(LFS_BATCH_OBJECTS_MAX, &a, &arena));
	assert_false(read_many(LFS_BATCH_OBJECTS_MAX + 1, &a, &arena));
	assert_true(str_equal(lfs_batch_message(STR("{\"message\":\"no\"}"), &arena), STR("no")));
	assert_true(str_is_empty(lfs_batch_message(STR("<html>"), &arena)));
	arena_fini(&arena);
}

struct place {
	struct arena arena;
	struct clone_settings settings;
	struct lfs_remote remote;
};

static bool
open_place(struct place *p, const char *url, const char *gitlab, const char *origin)
{
	struct git_request request = {.url = url, .settings = &p->settings};
	struct err e = ERR_INIT;

	*p = (struct place){.settings = {.lfs = true}};
	arena_init(&p->arena, 65536);
	assert_true(url_parse(&p->settings.gitlab_url, str_from(gitlab), &p->arena, &e));
	if (origin != NULL)
		assert_true(
			url_parse(&p->settings.lfs_origins.items[p->settings.lfs_origins.count++],
				  str_from(origin), &p->arena, &e));
	if (lfs_remote_init(&p->remote, &request, &e))
		return true;
	assert_int_equal(e.code, ERR_DENIED);
	arena_fini(&p->arena);
	return false;
}

static void
close_place(struct place *p)
{
	lfs_remote_fini(&p->remote);
	arena_fini(&p->arena);
}

static void
expect(const struct place *p, const char *address, bool is_allowed, bool is_server)
{
	struct err e = ERR_INIT;
	struct lfs_url_info found;

	assert_int_equal(lfs_remote_allows(&p->remote, str_from(address), &found, &e), is_allowed);
	assert_int_equal(found.is_server, is_server);
}

/* Names that GitLab or its storage choose may not resolve to addresses in the pod. */
static void
expect_guard(const struct place *p, const char *address, bool is_guarded)
{
	struct err e = ERR_INIT;
	struct lfs_url_info found;

	assert_true(lfs_remote_allows(&p->remote, str_from(address), &found, &e));
	assert_int_equal(found.refused != NULL, is_guarded);
}

static void
test_addresses_from_gitlab(void **state)
{
	static const char *const bad[] = {
		"http://storage.example.com/a",
		"https://127.0.0.1/a",
		"https://localhost:8443/a",
		"https://x.localhost/a",
		"https://[::1]/a",
		"https://169.254.169.254/latest/meta-data",
		"https://0.0.0.0/a",
		"https://[::ffff:127.0.0.1]/a",
		"https://[fe80::1]/a",
		"https://[::]/a",
		"https://[fd00:ec2::254]/latest/meta-data",
		"https://100.100.100.200/a",
		"ftp://storage.example.com/a",
		"https://user@storage.example.com/a",
		"https://storage.example.com\n",
		"",
	};
	struct place p;

	(void)state;
	assert_true(open_place(&p, "https://gitlab.example.com/a/b.git",
			       "https://gitlab.example.com", NULL));
	expect(&p, "https://gitlab.example.com/x", true, true);
	expect(&p, "https://gitlab.example.com:443/x", true, true);
	expect(&p, "https://gitlab.example.com:444/x", true, false);
	expect(&p, "https://storage.example.com/x?signed", true, false);
	expect(&p, "http://gitlab.example.com/x", false, false);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(&p, bad[i], false, false);
	expect_guard(&p, "https://gitlab.example.com/x", false);
	expect_guard(&p, "https://storage.example.com/x", true);
	close_place(&p);
	assert_true(open_place(&p, "https://gitlab.example.com/a/b.git",
			       "https://gitlab.example.com", "https://storage.example.com"));
	expect_guard(&p, "https://storage.example.com/x", false);
	close_place(&p);
	assert_true(open_place(&p, "http://127.0.0.1:8080/a/b.git", "http://127.0.0.1:8080", NULL));
	expect(&p, "http://127.0.0.1:9000/x", true, false);
	expect_guard(&p, "http://127.0.0.1:9000/x", false);
	close_place(&p);
}

static void
test_addresses_from_others(void **state)
{
	struct place p;

	(void)state;
	assert_false(open_place(&p, "https://code.example.com/a.git", "https://gitlab.example.com",
				NULL));
	assert_false(open_place(&p, "https://code.example.com/a.git", "https://gitlab.example.com",
				"https://code.example.com:444"));
	assert_true(open_place(&p, "https://code.example.com/a.git", "https://gitlab.example.com",
			       "https://code.example.com"));
	expect(&p, "https://code.example.com/x", true, true);
	expect(&p, "https://storage.example.com/x", false, false);
	expect(&p, "https://gitlab.example.com/x", false, false);
	expect(&p, "https://127.0.0.1/x", false, false);
	close_place(&p);
}

static void
expect_address(const struct place *p, const char *href, const char *wanted)
{
	struct err e = ERR_INIT;
	struct lfs_pointer pointer;
	struct buf out;

	assert_true(parse(HEAD "oid sha256:" OID "\nsize 1\n", &pointer));
	buf_init(&out, URL_MAX_BYTES);
	assert_true(lfs_remote_append_address(&p->remote, str_from(href), &pointer, &out, &e));
	assert_string_equal(out.data, wanted);
	buf_fini(&out);
}

static void
test_gitlab_by_another_name(void **state)
{
	struct place p;

	(void)state;
	assert_true(
		open_place(&p, "http://webservice:8181/a/b.git", "http://webservice:8181", NULL));
	expect_address(&p, "https://gitlab.example.com/a/b.git/gitlab-lfs/objects/" OID,
		       "http://webservice:8181/a/b.git/gitlab-lfs/objects/" OID);
	expect_address(&p, "https://s3.example.com/x/" OID "?a=b",
		       "https://s3.example.com/x/" OID "?a=b");
	expect_address(&p, "https://s3.example.com/gitlab-lfs/objects/" OID,
		       "https://s3.example.com/gitlab-lfs/objects/" OID);
	close_place(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_addresses_from_gitlab),
		cmocka_unit_test(test_addresses_from_others),
		cmocka_unit_test(test_gitlab_by_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
