/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language between git, the helper and the sidecar: what is understood, what is refused, and
 * for which hosts a request is.
 */
#include "clone/credential/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

static struct credential_request
request(const char *text)
{
	struct credential_request r;
	struct err e = ERR_INIT;

	assert_true(credential_parse_request(str_from(text), &r, &e));
	return r;
}

static void
assert_view(struct str view, const char *wanted)
{
	assert_int_equal(view.len, strlen(wanted));
	assert_memory_equal(view.data == NULL ? "" : view.data, wanted, view.len);
}

static void
test_request(void **state)
{
	struct credential_request r;

	(void)state;
	r = request("capability[]=authtype\ncapability[]=state\nprotocol=https\n"
		    "host=gitlab.example.com:8443\nwwwauth[]=Basic realm=\"GitLab\"\n"
		    "path=group/project.git\nusername=sasha\npassword=a=b\n\nhost=evil\n");
	assert_view(r.protocol, "https");
	assert_view(r.host, "gitlab.example.com:8443");
	assert_view(r.password, "a=b");
	assert_int_equal(r.operation, CREDENTIAL_OTHER);
	assert_int_equal(request("operation=erase\n").operation, CREDENTIAL_ERASE);
	assert_int_equal(request("operation=get").operation, CREDENTIAL_GET);
	assert_int_equal(request("operation=store\n").operation, CREDENTIAL_STORE);
	assert_int_equal(request("operation=approve\n").operation, CREDENTIAL_OTHER);
	assert_view(request("host=a\nhost=b\n").host, "b");
	assert_view(request("").host, "");
}

static void
test_request_url(void **state)
{
	struct credential_request r;

	(void)state;
	r = request(
		"host=other\npassword=x\nurl=https://sasha:pw@gitlab.example.com:8443/g/p.git\n");
	assert_view(r.protocol, "https");
	assert_view(r.host, "gitlab.example.com:8443");
	assert_view(r.password, "");
	assert_view(request("url=https://a.example.com?b/@c\n").host, "a.example.com");
	assert_view(request("url=https://a@b@c/\n").host, "c");
	assert_view(request("url=https://[::1]:80\n").host, "[::1]:80");
	assert_view(request("host=a\nurl=nonsense\n").host, "");
	assert_view(request("url=https://a/\nhost=b\n").host, "b");
}

static void
test_malformed(void **state)
{
	static const struct str wrong[] = {
		{"host", 4},	       {"=x\n", 3},	    {"host=a\r\n", 8},
		{"host=a\0b\n", 9},    {"ho\tst=a\n", 9},   {"host=a\x1b[1m\n", 11},
		{"x=y\nhost\n\n", 10}, {"host=a\x7f\n", 8},
	};
	struct credential_request r;
	struct credential_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err e = ERR_INIT;

		assert_false(credential_parse_request(wrong[i], &r, &e));
		assert_int_equal(e.code, ERR_INPUT);
		assert_false(credential_parse_answer(wrong[i], &a, &e));
	}
}

static void
test_message_len(void **state)
{
	(void)state;
	assert_int_equal(credential_message_len(STR("")), 0);
	assert_int_equal(credential_message_len(STR("\n")), 1);
	assert_int_equal(credential_message_len(STR("\nhost=a\n\n")), 1);
	assert_int_equal(credential_message_len(STR("host=a\n")), 0);
	assert_int_equal(credential_message_len(STR("host=a\n\nrest")), 8);
}

static bool
is_for(const char *text, const char *origin)
{
	struct credential_request r = request(text);
	struct arena arena;
	struct err e = ERR_INIT;
	struct url u;

	arena_init(&arena, 4096);
	assert_true(url_parse(&u, str_from(origin), &arena, &e));
	bool answer = credential_is_for(&r, &u);
	arena_fini(&arena);
	return answer;
}

static void
test_hosts(void **state)
{
	static const char gitlab[] = "https://gitlab.example.com";
	static const char inside[] = "http://gitlab.internal:8080/git";
	static const char *const others[] = {
		"protocol=http\nhost=gitlab.example.com\n",
		"protocol=https\nhost=gitlab.example.com:444\n",
		"protocol=https\nhost=gitlab.example.com.evil.com\n",
		"protocol=https\nhost=evil.com\n",
		"protocol=https\nhost=evil.com/gitlab.example.com\n",
		"protocol=https\nhost=gitlab.example.com@evil.com\n",
		"protocol=https\nhost=gitlab.example.com.\n",
		"protocol=https\nhost=gitlab.example.com:\n",
		"protocol=https\nhost=gitlab.example.com:0\n",
		"protocol=https\nhost=\n",
		"protocol=https\n",
		"host=gitlab.example.com\n",
		"",
	};

	(void)state;
	assert_true(is_for("protocol=https\nhost=gitlab.example.com\n", gitlab));
	assert_true(is_for("protocol=https\nhost=gitlab.example.com:443\n", gitlab));
	assert_true(is_for("protocol=HTTPS\nhost=GitLab.Example.com\n", gitlab));
	assert_true(is_for("url=https://x@gitlab.example.com/g/p.git\n", gitlab));
	assert_true(is_for("protocol=http\nhost=gitlab.internal:8080\n", inside));
	assert_false(is_for("protocol=http\nhost=gitlab.internal\n", inside));
	assert_true(is_for("protocol=https\nhost=[::1]:8443\n", "https://[::1]:8443"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(is_for(others[i], gitlab));
}

static void
test_answers(void **state)
{
	const struct credential_answer given = {
		.status = CREDENTIAL_GIVEN,
		.username = STR("oauth2"),
		.password = STR("canary"),
		.expires_at_s = 1760000000,
	};
	struct credential_answer a;
	struct err e = ERR_INIT;
	struct buf out;

	(void)state;
	buf_init(&out, CREDENTIAL_MESSAGE_MAX);
	assert_true(credential_add_answer(&given, &out));
	assert_view(buf_view(&out), "status=given\nusername=oauth2\npassword=canary\n"
				    "password_expiry_utc=1760000000\n\n");
	assert_true(credential_parse_answer(buf_view(&out), &a, &e));
	assert_int_equal(a.status, CREDENTIAL_GIVEN);
	assert_view(a.password, "canary");
	assert_int_equal(a.expires_at_s, 1760000000);
	assert_true(credential_parse_answer(
		STR("status=sign-in\nmessage=open it\npassword_expiry_utc=-1\n\n"), &a, &e));
	assert_int_equal(a.status, CREDENTIAL_SIGN_IN);
	assert_view(a.message, "open it");
	assert_int_equal(a.expires_at_s, 0);
	assert_true(credential_parse_answer(STR("status=\n"), &a, &e));
	assert_int_equal(a.status, CREDENTIAL_BROKEN);
	assert_true(credential_parse_answer(STR("status=new\n"), &a, &e));
	assert_int_equal(a.status, CREDENTIAL_BROKEN);
	buf_fini(&out);
}

/* No value can add a line. */
static void
test_no_injection(void **state)
{
	const struct credential_request r = {
		.operation = CREDENTIAL_GET, .protocol = STR("https"), .host = STR("a\nhost=b")};
	const struct credential_answer a = {.status = CREDENTIAL_SIGN_IN,
					    .message = STR("a\nquit=0")};
	struct buf out;

	(void)state;
	buf_init(&out, CREDENTIAL_MESSAGE_MAX);
	assert_false(credential_add_request(&r, &out));
	buf_clear(&out);
	assert_false(credential_add_answer(&a, &out));
	buf_clear(&out);
	out.max = 16;
	assert_false(credential_add_answer(
		&(struct credential_answer){.status = CREDENTIAL_GIVEN, .password = STR("canary")},
		&out));
	buf_fini(&out);
}

static void
test_command(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_true(credential_add_command(&out, STR("/opt/it's here/workspace-proxy"),
					   STR("/run/a b/credential.sock")));
	assert_view(buf_view(&out), "!'/opt/it'\\''s here/workspace-proxy' credential --socket "
				    "'/run/a b/credential.sock'");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),	     cmocka_unit_test(test_request_url),
		cmocka_unit_test(test_malformed),    cmocka_unit_test(test_message_len),
		cmocka_unit_test(test_hosts),	     cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_injection), cmocka_unit_test(test_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
