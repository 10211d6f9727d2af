/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/share/share_request: forms and JSON say the same, and what is wrong is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/share/share_request.h"
#include "base/clock.h"

struct sample {
	const char *body;
	const char *expected; /* "audience:of", or what the sentence holds */
};

static const char *
read_body(const struct sample *s, struct port_share_terms *terms, struct arena *arena)
{
	return share_request_read(str_from(s->body), s->body[0] == '{' || s->body[0] == '[', terms,
				  arena);
}

static void
test_valid_requests(void **state)
{
	static const struct sample samples[] = {
		{"port=3000&audience=owner", "owner:"},
		{"port=3000&audience=gitlab&users=robin&group=a", "gitlab:"},
		{"port=3000&audience=users&users=robin%2C+42+%2CAlex", "users:robin,42,Alex"},
		{"port=3000&audience=users&users=", "users:"},
		{"port=3000&audience=group&group=+company/team", "group:company/team"},
		{"port=3000&audience=public&seconds=&other=x", "public:"},
		{"{\"port\":3000,\"audience\":\"users\",\"users\":[\"robin\",42]}",
		 "users:robin,42"},
		{"{\"port\":\"3000\",\"audience\":\"users\",\"users\":\"robin, 42\"}",
		 "users:robin,42"},
		{"{\"port\":3000,\"audience\":\"group\",\"group\":7}", "group:7"},
		{"{\"port\":3000,\"audience\":\"gitlab\",\"until\":null}", "gitlab:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct port_share_terms terms;
		struct arena arena;
		char text[AUTH_SHARE_MEMBERS_MAX + 64];

		arena_init(&arena, 65536);
		assert_null(read_body(&samples[i], &terms, &arena));
		(void)snprintf(text, sizeof(text), "%s:%s", auth_audience_name(terms.audience),
			       terms.members);
		assert_string_equal(text, samples[i].expected);
		assert_int_equal(terms.port, 3000);
		assert_int_equal(terms.until_ms, 0);
		arena_fini(&arena);
	}
}

static void
test_invalid_requests(void **state)
{
	static const struct sample samples[] = {
		{"", "\"port\""},
		{"audience=gitlab", "\"port\""},
		{"port=03000&audience=gitlab", "\"port\""},
		{"port=3000&port=3001&audience=gitlab", "The field \"port\" is repeated."},
		{"port=30%0&audience=gitlab", "expected shorter text, correctly percent-encoded."},
		{"port=3000&audience=Gitlab", "\"audience\""},
		{"port=3000&audience=users&users=a%00b", "\"users\""},
		{"port=3000&audience=users&users=a%0Ab", "\"users\""},
		{"port=3000&audience=users&users=-a", "\"users\""},
		{"port=3000&audience=group&group=..", "\"group\""},
		{"port=3000&audience=group&group=a//b", "\"group\""},
		{"port=3000&audience=group&group=0", "\"group\""},
		{"port=3000&audience=gitlab&seconds=59", "\"seconds\""},
		{"port=3000&audience=gitlab&seconds=1e9", "\"seconds\""},
		{"port=3000&audience=gitlab&seconds=99999999999999999999", "\"seconds\""},
		{"port=3000&audience=gitlab&until=soon", "\"until\""},
		{"port=3000&audience=gitlab&seconds=60&until=2026-01-31T18:00:00Z",
		 "Give either \"until\" or \"seconds\", not both."},
		{"[]", "JSON"},
		{"{", "JSON"},
		{"{\"port\":3000,\"audience\":\"gitlab\",\"x\":1}", "field"},
		{"{\"port\":3000.5,\"audience\":\"gitlab\"}", "\"port\""},
		{"{\"port\":[3000],\"audience\":\"gitlab\"}", "\"port\""},
		{"{\"port\":3000,\"audience\":true}", "\"audience\""},
		{"{\"port\":3000,\"audience\":\"users\",\"users\":[[]]}", "\"users\""},
		{"{\"port\":3000,\"audience\":\"users\",\"users\":[\"a,b\",null]}", "\"users\""},
		{"{\"port\":3000,\"audience\":\"users\",\"users\":[]}", "\"users\""},
		{"{\"port\":3000,\"audience\":\"users\",\"users\":[\" \"]}", "\"users\""},
		{"{\"port\":3000,\"port\":3000,\"audience\":\"gitlab\"}", "JSON"},
		{"{\"port\":3000,\"audience\":\"gitlab\",\"audience\":\"public\"}", "JSON"},
		{"{\"port\":3000,\"audience\":\"public\\u0000\"}", "\"audience\""},
		{"{\"port\":3000,\"audience\":\" public\"}", "\"audience\""},
		{"{\"port\":3000,\"audience\":\"gitlab\",\"until\":\"2001-01-01T00:00:00Z\"}",
		 "\"until\""},
		{"{\"port\":3000,\"audience\":\"gitlab\",\"until\":\"2999-03-29T02:30:00\"}",
		 "\"until\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct port_share_terms terms;
		struct arena arena;

		arena_init(&arena, 65536);
		const char *detail = read_body(&samples[i], &terms, &arena);
		if (detail == NULL || strstr(detail, samples[i].expected) == NULL)
			fail_msg("%s: %s", samples[i].body, detail == NULL ? "good" : detail);
		arena_fini(&arena);
	}
}

static void
test_times(void **state)
{
	struct port_share_terms terms;
	struct arena arena;
	char date[CLOCK_RFC3339_SIZE];
	char body[128];

	(void)state;
	arena_init(&arena, 65536);
	int64_t before_ms = clock_wall_ms();
	assert_null(share_request_read(STR("port=1&audience=gitlab&seconds=60"), false, &terms,
				       &arena));
	assert_in_range(terms.until_ms, before_ms + 60000, clock_wall_ms() + 60000);
	clock_format_rfc3339(before_ms + 3600000, date, sizeof(date));
	(void)snprintf(body, sizeof(body), "{\"port\":1,\"audience\":\"gitlab\",\"until\":\"%s\"}",
		       date);
	assert_null(share_request_read(str_from(body), true, &terms, &arena));
	assert_int_equal(terms.until_ms, before_ms + 3600000);
	clock_format_rfc3339(before_ms + INT64_C(400) * 86400000, date, sizeof(date));
	(void)snprintf(body, sizeof(body), "{\"port\":1,\"audience\":\"gitlab\",\"until\":\"%s\"}",
		       date);
	assert_non_null(share_request_read(str_from(body), true, &terms, &arena));
	arena_fini(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_requests),
		cmocka_unit_test(test_invalid_requests),
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
