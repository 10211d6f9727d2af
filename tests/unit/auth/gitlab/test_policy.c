/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is let in: each mode, modes joined, and every answer of GitLab that is no plain yes.
 */
#include "tests/unit/auth/auth_fixture.h"

#include "auth/gitlab/policy.h"

static struct policy_check check;
static struct policy_result last;
static bool has_answer;
static struct secret *token;

static int
setup(void **state)
{
	(void)state;
	world_setup(&world);
	check = (struct policy_check){.gitlab = world.auth->gitlab, .settings = &world.settings};
	token = secret_from_str(STR(TEST_TOKEN));
	has_answer = false;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	policy_cancel(&check);
	secret_free(token);
	world_teardown(&world);
	return 0;
}

static void
on_done(const struct policy_result *result, void *arg)
{
	assert_ptr_equal(arg, &world);
	assert_false(has_answer);
	has_answer = true;
	last = *result;
}

static enum policy_verdict
start(uint64_t user_id, bool is_fresh)
{
	const struct policy_subject subject = {
		.who = {.token = token, .user_id = user_id, .priority = FETCH_HIGH},
		.username = is_fresh ? "Sasha.K" : NULL};

	has_answer = false;
	return policy_start(&check, &subject, &last, on_done, &world);
}

struct policy_case {
	unsigned status; /* 0: no answer */
	const char *body;
	enum policy_verdict verdict;
};

static void
run_cases(const char *url_end, const struct policy_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(start(42, true), POLICY_PENDING);
		assert_string_equal(fetch_queue->bearer, TEST_TOKEN);
		assert_int_equal(fetch_queue->priority, FETCH_HIGH);
		if (cases[i].status == 0)
			break_request(url_end, ERR_TIMEOUT, true);
		else
			answer(url_end, cases[i].status, cases[i].body);
		assert_true(has_answer);
		if (last.verdict != cases[i].verdict)
			fail_msg("case %zu: %d, %s", i, (int)last.verdict, last.err.text);
		assert_true((last.verdict == POLICY_ALLOWED) == (last.err.code == ERR_NONE));
		assert_int_equal(last.retry_after_s, cases[i].status == 429 ? 7 : 0);
	}
}

#define ME "\"currentUser\":{\"id\":\"gid://gitlab/User/42\"}"
#define WORKSPACE(id, owner)                                                                       \
	"{\"data\":{" ME ",\"workspace\":{\"id\":\"gid://gitlab/RemoteDevelopment::Workspace/" id  \
	"\",\"user\":{\"id\":\"" owner "\"}}}}"

static void
test_workspace(void **state)
{
	static const struct policy_case cases[] = {
		{200, WORKSPACE_JSON, POLICY_ALLOWED},
		{200, WORKSPACE("7", "gid://gitlab/User/43"), POLICY_REFUSED},
		{200, WORKSPACE("7", "gid://gitlab/User/420"), POLICY_REFUSED},
		{200, WORKSPACE("7", "42"), POLICY_REFUSED},
		{200, WORKSPACE("7", ""), POLICY_REFUSED},
		{200, WORKSPACE("8", "gid://gitlab/User/42"), POLICY_UNKNOWN},
		{200, "{\"data\":{" ME ",\"workspace\":null}}", POLICY_REFUSED},
		{200, "{\"data\":{" ME "}}", POLICY_UNKNOWN},
		{200, "{\"data\":{" ME ",\"workspace\":{}}}", POLICY_UNKNOWN},
		{200, "{\"data\":{" ME ",\"workspace\":[]}}", POLICY_UNKNOWN},
		{200, "{\"data\":{" ME ",\"workspace\":true}}", POLICY_UNKNOWN},
		{200, "{\"data\":{\"currentUser\":null,\"workspace\":null}}", POLICY_TOKEN_INVALID},
		{200,
		 "{\"data\":{\"currentUser\":{\"id\":\"gid://gitlab/User/43\"},"
		 "\"workspace\":{\"id\":\"gid://gitlab/RemoteDevelopment::Workspace/7\","
		 "\"user\":{\"id\":\"gid://gitlab/User/43\"}}}}",
		 POLICY_UNKNOWN},
		{200, "{\"data\":{\"currentUser\":{\"id\":42},\"workspace\":null}}",
		 POLICY_UNKNOWN},
		{200, "{\"data\":null}", POLICY_UNKNOWN},
		{200, "{}", POLICY_UNKNOWN},
		{200, "[]", POLICY_UNKNOWN},
		{200, "null", POLICY_UNKNOWN},
		{200, "", POLICY_UNKNOWN},
		{200, "{\"errors\":[{\"message\":\"Internal server error\"}]}", POLICY_UNKNOWN},
		{200, "{\"errors\":[]}", POLICY_UNKNOWN},
		{200, "{\"errors\":{}}", POLICY_UNKNOWN},
		{200, "{\"errors\":[{\"message\":7}]}", POLICY_UNKNOWN},
		{200,
		 "{\"errors\":[{\"message\":\"Field 'workspace' doesn't exist on type "
		 "'Query'\",\"extensions\":{\"code\":\"undefinedField\"}}]}",
		 POLICY_MISCONFIGURED},
		{200,
		 "{\"data\":{\"workspace\":null},\"errors\":[{\"message\":\"The resource that "
		 "you are attempting to access does not exist or you don't have permission to "
		 "perform this action\"}]}",
		 POLICY_REFUSED},
		{401, "{\"errors\":[{\"message\":\"Invalid token\"}]}", POLICY_TOKEN_INVALID},
		{403, "{\"errors\":[{\"message\":\"API not accessible for user\"}]}",
		 POLICY_REFUSED},
		{403, "{\"error\":\"insufficient_scope\"}", POLICY_MISCONFIGURED},
		{404, "", POLICY_MISCONFIGURED},
		{302, "", POLICY_MISCONFIGURED},
		{422, "", POLICY_UNKNOWN},
		{429, "Retry later", POLICY_UNKNOWN},
		{500, WORKSPACE_JSON, POLICY_UNKNOWN},
		{503, "", POLICY_UNKNOWN},
		{0, NULL, POLICY_UNKNOWN},
		/* a repeated id, which parsers may read differently */
		{200,
		 "{\"data\":{" ME ",\"workspace\":null,\"workspace\":{\"id\":"
		 "\"gid://gitlab/RemoteDevelopment::Workspace/7\",\"user\":{\"id\":"
		 "\"gid://gitlab/User/42\"}}}}",
		 POLICY_UNKNOWN},
	};

	(void)state;
	run_cases("/api/graphql", cases, sizeof(cases) / sizeof(cases[0]));
}

#define MEMBER(level, more) "{\"id\":42,\"username\":\"s\",\"access_level\":" level more "}"

static void
test_project(void **state)
{
	static const struct policy_case cases[] = {
		{200, MEMBER("30", ",\"state\":\"active\",\"membership_state\":\"active\""),
		 POLICY_ALLOWED},
		{200, MEMBER("50", ""), POLICY_ALLOWED},
		{200, MEMBER("20", ""), POLICY_REFUSED},
		{200, MEMBER("0", ""), POLICY_REFUSED},
		{200, MEMBER("-1", ""), POLICY_UNKNOWN},
		{200, MEMBER("30.5", ""), POLICY_UNKNOWN},
		{200, MEMBER("\"30\"", ""), POLICY_UNKNOWN},
		{200, MEMBER("30", ",\"state\":\"blocked\""), POLICY_REFUSED},
		{200, MEMBER("30", ",\"membership_state\":\"awaiting\""), POLICY_REFUSED},
		{200, MEMBER("30", ",\"state\":1"), POLICY_REFUSED},
		{200, "{\"id\":43,\"access_level\":50}", POLICY_UNKNOWN},
		{200, "[{\"id\":42,\"access_level\":50}]", POLICY_UNKNOWN},
		{404, "{\"message\":\"404 Project Not Found\"}", POLICY_REFUSED},
		{401, "{}", POLICY_TOKEN_INVALID},
		{403, "{\"message\":\"403 Forbidden\"}", POLICY_REFUSED},
		{500, "", POLICY_UNKNOWN},
	};

	(void)state;
	world.settings.modes = AUTH_MODE_PROJECT;
	assert_int_equal(start(42, true), POLICY_PENDING);
	assert_string_equal(fetch_queue->url, "http://gitlab.internal:8080/git/api/v4/projects/"
					      "group%2Fproject/members/all/42");
	policy_cancel(&check);
	run_cases(TEST_MEMBER_URL, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_group(void **state)
{
	static const struct policy_case cases[] = {
		{200, MEMBER("30", ",\"state\":\"active\",\"membership_state\":\"active\""),
		 POLICY_ALLOWED},
		{200, MEMBER("50", ""), POLICY_ALLOWED},
		{200, MEMBER("10", ""), POLICY_REFUSED},
		{200, MEMBER("5", ""), POLICY_REFUSED},
		{200, MEMBER("-1", ""), POLICY_UNKNOWN},
		{200, MEMBER("1e2", ""), POLICY_UNKNOWN},
		{200, MEMBER("true", ""), POLICY_UNKNOWN},
		{200, MEMBER("99999999999999999999", ""), POLICY_UNKNOWN},
		{200, MEMBER("10,\"access_level\":50", ""), POLICY_UNKNOWN},
		{200, MEMBER("30", ",\"state\":\"blocked\""), POLICY_REFUSED},
		{200, MEMBER("30", ",\"membership_state\":\"awaiting\""), POLICY_REFUSED},
		{200, "{\"id\":43,\"access_level\":50}", POLICY_UNKNOWN},
		{200, "{\"id\":\"42\",\"access_level\":50}", POLICY_UNKNOWN},
		{200, "{\"id\":42}", POLICY_UNKNOWN},
		{200, "[{\"id\":42,\"access_level\":50}]", POLICY_UNKNOWN},
		{200, "null", POLICY_UNKNOWN},
		{200, "<html>", POLICY_UNKNOWN},
		{200, "", POLICY_UNKNOWN},
		{404, "{\"message\":\"404 Group Not Found\"}", POLICY_REFUSED},
		{401, "{}", POLICY_TOKEN_INVALID},
		{403, "{\"message\":\"403 Forbidden\"}", POLICY_REFUSED},
		{403, "{\"error\":\"insufficient_scope\"}", POLICY_MISCONFIGURED},
		{302, "", POLICY_MISCONFIGURED},
		{429, "Retry later", POLICY_UNKNOWN},
		{500, MEMBER("50", ""), POLICY_UNKNOWN},
		{0, NULL, POLICY_UNKNOWN},
	};

	(void)state;
	world.settings.modes = AUTH_MODE_GROUP;
	assert_int_equal(start(42, false), POLICY_PENDING);
	assert_string_equal(fetch_queue->url, "http://gitlab.internal:8080/git/api/v4/groups/"
					      "company%2Fteam/members/all/42");
	answer(TEST_MEMBER_URL, 404, "");
	assert_non_null(strstr(last.err.text, "not a member of the group"));
	assert_non_null(strstr(last.detail, "members of a GitLab group"));
	run_cases(TEST_MEMBER_URL, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
test_listed_users(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_USERS;
	/* Listed by name, in any case. Later GitLab's spelling is used. */
	world.settings.users = "robin,sasha.k";
	assert_int_equal(start(42, true), POLICY_ALLOWED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"SASHA.K\",\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_ALLOWED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"renamed\",\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	assert_non_null(strstr(last.err.text, "USERS"));
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":43,\"username\":\"robin\",\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_UNKNOWN);
	/* Listed by id. */
	world.settings.users = "7,42";
	assert_int_equal(start(42, true), POLICY_ALLOWED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"s\",\"state\":\"blocked\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	/* Parts of names or ids do not match, and a number is no name. */
	world.settings.users = "420,4,2,sasha,sasha.kk,k";
	assert_int_equal(start(42, true), POLICY_REFUSED);
	assert_non_null(last.detail);
	world.settings.users = "7";
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"7\",\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	world.settings.users = NULL;
	assert_int_equal(start(42, true), POLICY_REFUSED);
}

static void
test_group_and_users(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_GROUP | AUTH_MODE_USERS;
	world.settings.users = "sasha.k";
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"sasha.k\",\"state\":\"active\"}");
	assert_false(has_answer);
	answer(TEST_MEMBER_URL, 200, MEMBER("30", ""));
	assert_int_equal(last.verdict, POLICY_ALLOWED);
	assert_int_equal(start(42, true), POLICY_PENDING);
	answer(TEST_MEMBER_URL, 404, "");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	world.settings.users = "robin";
	assert_int_equal(start(42, true), POLICY_REFUSED);
	assert_null(fetch_queue);
}

static void
test_owner(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_OWNER;
	assert_int_equal(start(42, true), POLICY_ALLOWED);
	assert_int_equal(start(43, true), POLICY_REFUSED);
	assert_int_equal(last.err.code, ERR_DENIED);
	/* At later checks GitLab has to confirm that the account is still active. */
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, USER_JSON);
	assert_int_equal(last.verdict, POLICY_ALLOWED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":42,\"username\":\"s\",\"state\":\"blocked\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	assert_int_equal(start(42, false), POLICY_PENDING);
	answer("/api/v4/user", 200, "{\"id\":43,\"username\":\"s\",\"state\":\"active\"}");
	assert_int_equal(last.verdict, POLICY_REFUSED);
}

static void
test_joined_modes(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_WORKSPACE | AUTH_MODE_PROJECT | AUTH_MODE_OWNER;
	assert_int_equal(start(43, true), POLICY_REFUSED);
	assert_int_equal(start(42, true), POLICY_PENDING);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_false(has_answer);
	answer(TEST_MEMBER_URL, 200, MEMBER("40", ""));
	assert_int_equal(last.verdict, POLICY_ALLOWED);
	assert_int_equal(start(42, true), POLICY_PENDING);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	answer(TEST_MEMBER_URL, 404, "");
	assert_int_equal(last.verdict, POLICY_REFUSED);
	assert_int_equal(start(42, true), POLICY_PENDING);
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	assert_int_equal(last.verdict, POLICY_REFUSED);
	assert_null(fetch_queue); /* after a refusal no further request is sent */
}

static void
test_no_mode_refuses(void **state)
{
	(void)state;
	world.settings.modes = 0;
	assert_int_equal(start(42, true), POLICY_REFUSED);
	world.settings.modes = AUTH_MODE_WORKSPACE;
	fetch_refuses = true;
	assert_int_equal(start(42, true), POLICY_UNKNOWN);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_workspace),    T(test_project),	       T(test_owner),
		T(test_joined_modes), T(test_no_mode_refuses), T(test_group),
		T(test_listed_users), T(test_group_and_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
