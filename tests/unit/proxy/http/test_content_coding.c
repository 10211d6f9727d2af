/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/content_coding: which responses are compressed, with which coding, and the fields of
 * their heads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http/content_coding.h"
#include "tests/unit/count.h"

struct message {
	struct arena arena;
	struct request_head request;
	struct response_head response;
};

static void
add(struct headers *h, const char *name, const char *value)
{
	assert_true(headers_add(h, str_from(name), str_from(value)));
}

/* A GET that is answered with 100,000 bytes of JavaScript. */
static void
begin(struct message *m)
{
	*m = (struct message){0};
	arena_init(&m->arena, 65536);
	assert_true(headers_init(&m->request.headers, 30, &m->arena));
	assert_true(headers_init(&m->response.headers, 30, &m->arena));
	m->request.method = STR("GET");
	m->request.path = STR("/main.js");
	m->response.status = 200;
	m->response.body = BODY_LENGTH;
	m->response.length = 100000;
	m->response.has_length = true;
}

static bool
is_eligible(const struct message *m)
{
	return content_coding_is_eligible(&m->request, &m->response, STR(CONTENT_CODING_TYPES));
}

static bool
type_is_eligible(const char *type, const char *cache_control, const char *path)
{
	struct message m;

	begin(&m);
	m.request.path = str_from(path);
	if (type != NULL)
		add(&m.response.headers, "Content-Type", type);
	if (cache_control != NULL)
		add(&m.response.headers, "cache-control", cache_control);
	bool result = is_eligible(&m);
	arena_fini(&m.arena);
	return result;
}

static void
test_types_that_carry_code(void **state)
{
	(void)state;
	assert_true(type_is_eligible("text/javascript", NULL, "/x"));
	assert_true(type_is_eligible("Text/JavaScript ; charset=utf-8", NULL, "/x"));
	assert_true(type_is_eligible("text/css", "private, max-age=0", "/x"));
	assert_true(type_is_eligible("application/wasm", NULL, "/x"));
	assert_true(type_is_eligible("image/svg+xml", NULL, "/x"));
	assert_false(type_is_eligible("image/png", NULL, "/x"));
	assert_false(type_is_eligible("text/javascriptx", NULL, "/x"));
	assert_false(type_is_eligible("", NULL, "/x"));
	assert_false(type_is_eligible(NULL, NULL, "/x"));
	assert_false(type_is_eligible("text/event-stream", "public", "/x"));
}

/* BREACH: what may hold a secret is not compressed. */
static void
test_html_and_json_only_when_public(void **state)
{
	static const char *const types[] = {"text/html", "application/json; charset=utf-8"};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		assert_false(type_is_eligible(types[i], NULL, "/x"));
		assert_false(type_is_eligible(types[i], "no-cache", "/x"));
		assert_false(type_is_eligible(types[i], "x-public", "/x"));
		assert_true(type_is_eligible(types[i], "max-age=60, Public", "/x"));
	}
	assert_true(type_is_eligible("application/json", NULL, "/static/main.js.map"));
	assert_false(type_is_eligible("text/html", NULL, "/static/main.js.map"));
	assert_false(type_is_eligible("text/css", "no-transform", "/x"));
	assert_false(type_is_eligible("text/css", "public,No-Transform", "/x"));
	assert_false(type_is_eligible("text/css", "no-transform=1", "/x"));
}

/* A directive that contradicts "public" marks a response as personal. */
static void
test_what_is_only_almost_public(void **state)
{
	static const char *const values[] = {
		"public, private",
		"private=\"set-cookie\", public",
		"public,no-store",
		"public;max-age=60",
		"no-cache=\"a, public, b\"",
		"x=\"public",
		"max-age=60 public, s=60",
		"publicly",
		"\"public\"",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++)
		if (type_is_eligible("text/html", values[i], "/x"))
			fail_msg("%s counts as public", values[i]);
	assert_true(type_is_eligible("text/html", " , public , no-cache", "/x"));
}

static bool
eligible_with(const char *name, const char *value)
{
	struct message m;

	begin(&m);
	add(&m.response.headers, "Content-Type", "text/css");
	add(&m.response.headers, name, value);
	bool result = is_eligible(&m);
	arena_fini(&m.arena);
	return result;
}

static void
test_responses_that_are_left_alone(void **state)
{
	struct message m;

	(void)state;
	assert_true(eligible_with("X-Any", "1"));
	assert_false(eligible_with("Content-Encoding", "br"));
	assert_false(eligible_with("content-encoding", ""));
	assert_false(eligible_with("Content-Digest", "sha-256=:x:"));
	assert_false(eligible_with("Repr-Digest", "sha-256=:x:"));
	assert_false(eligible_with("Content-MD5", "x"));
	assert_false(eligible_with("Content-Range", "bytes 0-1/2"));
	assert_false(eligible_with("Content-Type", "text/css"));
	assert_true(eligible_with("ETag", "\"a/b,c\""));
	assert_true(eligible_with("ETag", "W/\"\""));
	begin(&m);
	add(&m.response.headers, "Content-Type", "text/css");
	assert_true(is_eligible(&m));
	m.response.status = 206;
	assert_false(is_eligible(&m));
	m.response.status = 200;
	m.request.method = STR("POST");
	assert_false(is_eligible(&m));
	m.request.method = STR("HEAD");
	m.request.is_head = true;
	m.response.body = BODY_NONE;
	assert_true(is_eligible(&m));
	m.response.length = CONTENT_CODING_LENGTH_MIN;
	assert_false(is_eligible(&m));
	m.response.has_length = false;
	assert_true(is_eligible(&m));
	add(&m.request.headers, "Range", "bytes=0-");
	assert_false(is_eligible(&m));
	arena_fini(&m.arena);
}

/* A response whose validator can't be made weak must not be compressed. */
static void
test_malformed_validators(void **state)
{
	static const char *const etags[] = {"",	       "abc",	"\"",	    "\"abc",   "abc\"",
					    "w/\"a\"", "W/abc", "\"a\"b\"", "\"a b\"", "W/"};

	(void)state;
	for (size_t i = 0; i < COUNT(etags); i++)
		if (eligible_with("ETag", etags[i]))
			fail_msg("ETag %s is taken", etags[i]);
}

static void
test_a_client_may_forbid_it(void **state)
{
	struct message m;

	(void)state;
	begin(&m);
	add(&m.response.headers, "Content-Type", "text/css");
	add(&m.request.headers, "Cache-Control", "no-cache");
	assert_true(is_eligible(&m));
	m.request.headers.count = 0;
	add(&m.request.headers, "cache-control", "no-cache, No-Transform");
	assert_false(is_eligible(&m));
	arena_fini(&m.arena);
}

static enum content_coding
choice(const char *first, const char *second)
{
	struct message m;

	begin(&m);
	if (first != NULL)
		add(&m.request.headers, "Accept-Encoding", first);
	if (second != NULL)
		add(&m.request.headers, "accept-encoding", second);
	enum content_coding coding = content_coding_choose(&m.request.headers);
	arena_fini(&m.arena);
	return coding;
}

static void
test_the_client_chooses(void **state)
{
	static const struct {
		const char *accept;
		enum content_coding coding;
	} cases[] = {
		{NULL, CONTENT_CODING_IDENTITY},
		{"", CONTENT_CODING_IDENTITY},
		{"identity", CONTENT_CODING_IDENTITY},
		{"br", CONTENT_CODING_IDENTITY},
		{"gzip", CONTENT_CODING_GZIP},
		{"X-GZIP", CONTENT_CODING_GZIP},
		{"gzip, deflate, br, zstd", CONTENT_CODING_ZSTD},
		{"zstd;q=0, gzip", CONTENT_CODING_GZIP},
		{"gzip;q=0, zstd;q=0.000", CONTENT_CODING_IDENTITY},
		{"gzip;q=0.9, zstd;q=0.899", CONTENT_CODING_GZIP},
		{"gzip ; q=0.5 , zstd ; Q=0.5", CONTENT_CODING_ZSTD},
		{"*", CONTENT_CODING_GZIP},
		{"*;q=0, zstd", CONTENT_CODING_ZSTD},
		{"gzip;q=0, *", CONTENT_CODING_IDENTITY},
		{"gzip;q=1.001", CONTENT_CODING_IDENTITY},
		{"gzip;q=abc", CONTENT_CODING_IDENTITY},
		{"gzip;q=0.0001", CONTENT_CODING_IDENTITY},
		{"gzip;q=1.", CONTENT_CODING_GZIP},
		{"gzip;q=", CONTENT_CODING_IDENTITY},
		{"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,gzip", CONTENT_CODING_IDENTITY},
		{"gzip,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,gzip;q=0", CONTENT_CODING_IDENTITY},
		{"gzip, identity", CONTENT_CODING_GZIP},
		{"gzip;q=0.5, identity", CONTENT_CODING_IDENTITY},
		{"gzip;q=0.5, Identity;q=0.6, zstd;q=0.7", CONTENT_CODING_ZSTD},
		{"*;q=0.5, identity;q=0.4", CONTENT_CODING_GZIP},
		{"identity;q=0, *;q=0", CONTENT_CODING_IDENTITY},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (choice(cases[i].accept, NULL) != cases[i].coding)
			fail_msg("wrong coding for \"%s\"", cases[i].accept);
	assert_int_equal(choice("deflate", "gzip"), CONTENT_CODING_GZIP);
}

static void
assert_field(const struct message *m, const char *name, const char *expected)
{
	struct str value = headers_get(&m->response.headers, str_from(name), 0);

	assert_true(str_equal(value, str_from(expected)));
}

static void
test_the_head_of_what_is_compressed(void **state)
{
	struct message m;

	(void)state;
	begin(&m);
	add(&m.response.headers, "Accept-Ranges", "bytes");
	add(&m.response.headers, "ETag", "\"abc\"");
	add(&m.response.headers, "X-Last", "1");
	content_coding_add_vary(&m.response.headers);
	assert_true(content_coding_apply(&m.response, CONTENT_CODING_ZSTD, &m.arena));
	assert_field(&m, "etag", "W/\"abc\"");
	assert_field(&m, "content-encoding", "zstd");
	assert_field(&m, "vary", "Accept-Encoding");
	assert_field(&m, "x-last", "1");
	assert_null(headers_get(&m.response.headers, STR("accept-ranges"), 0).data);
	assert_int_equal(m.response.body, BODY_STREAM);
	assert_false(m.response.has_length);
	arena_fini(&m.arena);
}

static void
test_a_weak_etag_and_a_head_without_body_stay(void **state)
{
	struct message m;

	(void)state;
	begin(&m);
	m.response.body = BODY_NONE;
	add(&m.response.headers, "ETag", "W/\"abc\"");
	assert_true(content_coding_apply(&m.response, CONTENT_CODING_GZIP, &m.arena));
	assert_field(&m, "etag", "W/\"abc\"");
	assert_field(&m, "content-encoding", "gzip");
	assert_int_equal(m.response.body, BODY_NONE);
	arena_fini(&m.arena);
}

/* What a 304 with this ETag says to a client with this If-None-Match. */
static void
check_revalidation(const char *etag, const char *match, const char *expected, bool varies)
{
	struct message m;

	begin(&m);
	m.response.status = 304;
	m.response.body = BODY_NONE;
	if (etag != NULL)
		add(&m.response.headers, "ETag", etag);
	if (match != NULL)
		add(&m.request.headers, "If-None-Match", match);
	content_coding_revalidate(&m.request, &m.response, &m.arena);
	if (etag != NULL)
		assert_field(&m, "etag", expected);
	assert_int_equal(headers_get(&m.response.headers, STR("vary"), 0).data != NULL, varies);
	arena_fini(&m.arena);
}

static void
test_a_revalidated_etag_is_what_the_client_holds(void **state)
{
	(void)state;
	check_revalidation("\"a\"", "W/\"a\"", "W/\"a\"", true);
	check_revalidation("\"a\"", "\"b\", W/\"c,d\" , W/\"a\"", "W/\"a\"", true);
	check_revalidation("\"a\"", "W/\"b\",W/\"a\",\"c\"", "W/\"a\"", true);
	check_revalidation("\"a\"", "\"a\"", "\"a\"", false);
	check_revalidation("\"a\"", "W/\"a\", \"a\"", "\"a\"", false);
	check_revalidation("\"a\"", "W/\"aa\", W/\"b\"", "\"a\"", false);
	check_revalidation("\"a\"", "*", "\"a\"", false);
	check_revalidation("\"a\"", NULL, "\"a\"", false);
	check_revalidation("W/\"a\"", "W/\"a\"", "W/\"a\"", false);
	check_revalidation("a", "W/a", "a", false);
	check_revalidation(NULL, "W/\"a\"", NULL, false);
}

static void
test_vary_is_added_once(void **state)
{
	static const char *const said[] = {"*", "Accept-Encoding", "Origin, accept-encoding"};
	struct message m;

	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		begin(&m);
		add(&m.response.headers, "Vary", said[i]);
		content_coding_add_vary(&m.response.headers);
		assert_int_equal(m.response.headers.count, 1);
		arena_fini(&m.arena);
	}
	begin(&m);
	add(&m.response.headers, "Vary", "Origin");
	content_coding_add_vary(&m.response.headers);
	assert_int_equal(m.response.headers.count, 2);
	arena_fini(&m.arena);
}

static void
test_lists_of_types(void **state)
{
	static const char *const fine[] = {"", "text/css", "text/css, image/svg+xml",
					   CONTENT_CODING_TYPES};
	static const char *const bad[] = {"text",      "text/",	       "/css", "text/css,,x/y",
					  "text/c ss", "text/css;q=1", "*/*",  "text/event-stream"};

	(void)state;
	for (size_t i = 0; i < COUNT(fine); i++)
		assert_true(content_coding_types_are_valid(str_from(fine[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (content_coding_types_are_valid(str_from(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_that_carry_code),
		cmocka_unit_test(test_html_and_json_only_when_public),
		cmocka_unit_test(test_what_is_only_almost_public),
		cmocka_unit_test(test_responses_that_are_left_alone),
		cmocka_unit_test(test_malformed_validators),
		cmocka_unit_test(test_a_client_may_forbid_it),
		cmocka_unit_test(test_a_revalidated_etag_is_what_the_client_holds),
		cmocka_unit_test(test_the_client_chooses),
		cmocka_unit_test(test_the_head_of_what_is_compressed),
		cmocka_unit_test(test_a_weak_etag_and_a_head_without_body_stay),
		cmocka_unit_test(test_vary_is_added_once),
		cmocka_unit_test(test_lists_of_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
