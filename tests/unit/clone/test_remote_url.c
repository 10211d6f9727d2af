/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is cloned at all, who sees credentials, and how libgit2's errors are classified.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <git2/errors.h>

#include "clone/git/git_steps.h"
#include "clone/remote_url.h"

struct fixture {
	struct arena arena;
	struct clone_settings settings;
};

static int
setup(void **state)
{
	static struct fixture f;

	arena_init(&f.arena, 65536);
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_fini(&f->arena);
	return 0;
}

static void
set(struct fixture *f, const char *url, const char *gitlab)
{
	struct err e = ERR_INIT;

	assert_true(url_parse(&f->settings.url, str_from(url), &f->arena, &e));
	assert_true(url_parse(&f->settings.gitlab_url, str_from(gitlab), &f->arena, &e));
}

static void
assert_allowed(struct fixture *f, const char *url, const char *gitlab, bool is_allowed)
{
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};

	set(f, url, gitlab);
	assert_true(remote_url_check(&f->settings, &failure) == is_allowed);
	assert_int_equal(failure.problem, is_allowed ? CLONE_PROBLEM_NONE : CLONE_PROBLEM_REFUSED);
}

static void
test_which_addresses_are_cloned(void **state)
{
	struct fixture *f = *state;
	const char *gitlab = "https://gitlab.example.com";

	assert_allowed(f, "https://gitlab.example.com/g/p.git", gitlab, true);
	assert_allowed(f, "https://elsewhere.example.com/g/p", gitlab, true);
	assert_allowed(f, "http://localhost:3000/g/p", gitlab, true);
	assert_allowed(f, "http://127.9.9.9:3000/g/p", gitlab, true);
	assert_allowed(f, "http://[::1]:3000/g/p", gitlab, true);
	assert_allowed(f, "http://gitlab.svc/g/p", "http://gitlab.svc", true);
	assert_allowed(f, "http://gitlab.svc/g/p", "http://gitlab.svc:8080", false);
	assert_allowed(f, "http://gitlab.example.com/g/p", gitlab, false);
	assert_allowed(f, "http://127.example.com/g/p", gitlab, false);
	assert_allowed(f, "http://localhost.example.com/g/p", gitlab, false);
	assert_allowed(f, "http://[::2]/g/p", gitlab, false);
	assert_allowed(f, "https://gitlab.example.com/", gitlab, false);
	assert_allowed(f, "https://gitlab.example.com", gitlab, false);
	assert_allowed(f, "https://gitlab.example.com/g/p?x=1", gitlab, false);
}

static void
test_other_schemes_are_refused(void **state)
{
	struct fixture *f = *state;
	struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};

	set(f, "https://gitlab.example.com/g/p.git", "https://gitlab.example.com");
	f->settings.url.scheme = STR("file");
	assert_false(remote_url_check(&f->settings, &failure));
	assert_int_equal(failure.problem, CLONE_PROBLEM_REFUSED);
}

static void
test_credentials_are_for_one_origin(void **state)
{
	struct fixture *f = *state;

	set(f, "https://gitlab.example.com/g/p", "https://gitlab.example.com/root");
	assert_true(remote_url_is_gitlab(&f->settings));
	set(f, "https://gitlab.example.com:8443/g/p", "https://gitlab.example.com");
	assert_false(remote_url_is_gitlab(&f->settings));
	set(f, "http://gitlab.example.com:443/g/p", "https://gitlab.example.com");
	assert_false(remote_url_is_gitlab(&f->settings));
	set(f, "https://gitlab.example.com.evil.org/g/p", "https://gitlab.example.com");
	assert_false(remote_url_is_gitlab(&f->settings));
	f->settings.gitlab_url = (struct url){.port = 0};
	f->settings.url.host = STR_NONE;
	assert_false(remote_url_is_gitlab(&f->settings));
}

static void
assert_text(struct fixture *f, const char *url, const char *gitlab, const char *expected)
{
	struct buf text;

	buf_init(&text, URL_MAX_BYTES);
	set(f, url, gitlab);
	assert_true(remote_url_append(&f->settings, &text));
	assert_true(buf_add_byte(&text, '\0'));
	assert_string_equal(text.data, expected);
	buf_fini(&text);
}

static void
test_address_gets_its_suffix(void **state)
{
	struct fixture *f = *state;
	const char *gitlab = "https://gitlab.example.com";

	assert_text(f, "https://gitlab.example.com/g/p", gitlab,
		    "https://gitlab.example.com/g/p.git");
	assert_text(f, "https://gitlab.example.com:443/g/p.git//", gitlab,
		    "https://gitlab.example.com/g/p.git");
	assert_text(f, "https://other.example.com:8443/g/p/", gitlab,
		    "https://other.example.com:8443/g/p");
	assert_text(f, "http://[::1]:3000/g/p", "http://[::1]:3000", "http://[::1]:3000/g/p.git");
}

static void
test_errors_of_the_library(void **state)
{
	static const struct {
		int class;
		const char *message;
		enum clone_problem problem;
	} cases[] = {
		{GIT_ERROR_NET, "early EOF", CLONE_PROBLEM_UNREACHABLE},
		{GIT_ERROR_OS, "cannot extend packfile: No space left on device",
		 CLONE_PROBLEM_DISK_FULL},
		{GIT_ERROR_FILESYSTEM, "write: Disk quota exceeded", CLONE_PROBLEM_DISK_FULL},
		{GIT_ERROR_OS, "mkdir: Permission denied", CLONE_PROBLEM_PERMISSION},
		{GIT_ERROR_OS, "mkdir: Read-only file system", CLONE_PROBLEM_PERMISSION},
		{GIT_ERROR_INDEXER, "packfile trailer mismatch", CLONE_PROBLEM_REFUSED},
		{GIT_ERROR_INDEX, "invalid path: '.git/x'", CLONE_PROBLEM_REFUSED},
		{GIT_ERROR_NOMEMORY, "Out of memory", CLONE_PROBLEM_INTERNAL},
		{GIT_ERROR_NONE, "", CLONE_PROBLEM_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(git_steps_problem(cases[i].class, cases[i].message),
				 cases[i].problem);
}

static void
test_first_failure_stays(void **state)
{
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};

	(void)state;
	assert_false(failure_set_errno(&f, ENOSPC, "write %s", "x"));
	assert_int_equal(f.problem, CLONE_PROBLEM_DISK_FULL);
	assert_non_null(strstr(f.detail.text, "write x: No space left"));
	assert_false(failure_set(&f, CLONE_PROBLEM_TOKEN, "later"));
	assert_int_equal(f.problem, CLONE_PROBLEM_DISK_FULL);
	assert_null(strstr(f.detail.text, "later"));
}

static void
assert_same(struct fixture *f, const char *remote, bool is_same)
{
	if (remote_url_is_same(&f->settings, remote) != is_same)
		fail_msg("\"%s\" is%s what is cloned", remote, is_same ? " not" : "");
}

static void
test_remotes_of_the_same_repository(void **state)
{
	struct fixture *f = *state;

	set(f, "https://code.example.com/gitlab/group/demo.git", "https://code.example.com/gitlab");
	assert_same(f, "https://code.example.com/gitlab/group/demo.git", true);
	assert_same(f, "https://code.example.com/gitlab/group/demo", true);
	assert_same(f, "https://code.example.com/gitlab/group/demo/", true);
	assert_same(f, "HTTPS://Code.Example.COM:443/gitlab/group/demo.git", true);
	assert_same(f, "https://oauth2:secret@code.example.com/gitlab/group/demo.git", true);
	assert_same(f, "git@code.example.com:group/demo.git", true);
	assert_same(f, "ssh://git@code.example.com:2222/group/demo.git", true);
	assert_same(f, "https://code.example.com:8443/gitlab/group/demo.git", false);
	assert_same(f, "http://code.example.com/gitlab/group/demo.git", true);
	assert_same(f, "https://code.example.com/gitlab/group/other.git", false);
	assert_same(f, "https://code.example.com.evil.example/gitlab/group/demo.git", false);
	assert_same(f, "https://code.example.com@evil.example/gitlab/group/demo.git", false);
	assert_same(f, "file:///gitlab/group/demo.git", false);
	assert_same(f, "/gitlab/group/demo.git", false);
	assert_same(f, "", false);
}

static void
test_ssh_server_at_another_host(void **state)
{
	struct fixture *f = *state;
	struct buf text;

	set(f, "https://code.example.com/gitlab/group/demo.git", "https://code.example.com/gitlab");
	assert_same(f, "ssh://git@ssh.example.com:2222/group/demo.git", false);
	f->settings.gitlab_ssh = (struct git_ssh_address){STR("ssh.example.com"), 2222};
	assert_same(f, "ssh://git@ssh.example.com:2222/group/demo.git", true);
	assert_same(f, "git@ssh.example.com:group/demo.git", true);
	assert_same(f, "git@code.example.com:group/demo.git", true);
	assert_same(f, "https://ssh.example.com/gitlab/group/demo.git", false);
	buf_init(&text, URL_MAX_BYTES);
	assert_true(remote_url_append_gitlab(
		&f->settings, STR("ssh://git@SSH.example.com:2222/group/lib.git"), &text));
	assert_true(str_equal(buf_view(&text), STR("https://code.example.com/gitlab/group/lib")));
	assert_false(remote_url_append_gitlab(&f->settings,
					      STR("https://ssh.example.com/group/lib.git"), &text));
	buf_fini(&text);
}

static void
test_gitlab_at_an_ipv6_address(void **state)
{
	static const char *const spellings[] = {
		"http://[fd00::1]/root/group/lib.git",
		"http://[FD00::1]:8443/root/group/lib",
		"https://oauth2@[fd00::1]:8443/root/group/lib",
		"ssh://git@[fd00::1]/group/lib.git",
		"ssh://git@[fd00::1]:2222/group/lib.git",
	};
	static const char *const others[] = {
		"http://[fd00::1]:8080/root/group/lib.git",
		"http://[fd00::2]/root/group/lib.git",
		"http://fd00::1/root/group/lib.git",
		"ssh://git@[fd00::2]:2222/group/lib.git",
		"ssh://git@[fd00::1/group/lib.git",
	};
	struct fixture *f = *state;
	struct buf text;

	set(f, "https://[fd00::1]:8443/root/group/lib.git", "https://[fd00::1]:8443/root");
	buf_init(&text, URL_MAX_BYTES);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		buf_clear(&text);
		if (!remote_url_append_gitlab(&f->settings, str_from(spellings[i]), &text))
			fail_msg("%s", spellings[i]);
		assert_true(
			str_equal(buf_view(&text), STR("https://[fd00::1]:8443/root/group/lib")));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (remote_url_append_gitlab(&f->settings, str_from(others[i]), &text))
			fail_msg("%s", others[i]);
	}
	assert_same(f, "ssh://git@[fd00::1]:2222/group/lib.git", true);
	assert_same(f, "ssh://git@[fd00::2]:2222/group/lib.git", false);
	buf_fini(&text);
}

static void
test_further_origins(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	assert_allowed(f, "http://mirror.example.com:81/a/b.git", "https://gitlab.example.com",
		       false);
	assert_true(url_parse(&f->settings.origins.items[0], STR("http://mirror.example.com:81"),
			      &f->arena, &e));
	f->settings.origins.count = 1;
	assert_allowed(f, "http://mirror.example.com:81/a/b.git", "https://gitlab.example.com",
		       true);
	assert_false(remote_url_is_gitlab(&f->settings));
	assert_allowed(f, "http://mirror.example.com/a/b.git", "https://gitlab.example.com", false);
	f->settings.origins.count = 0;
}

static void
test_statuses_worth_a_retry(void **state)
{
	static const struct {
		long status;
		bool is_transient;
	} cases[] = {{401, false}, {403, false}, {404, false}, {422, false}, {429, true},
		     {500, true},  {501, false}, {502, true},  {503, true},  {504, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct clone_failure failure = {.problem = CLONE_PROBLEM_NONE};

		failure_set_status(&failure, cases[i].status, 0);
		assert_true(failure.is_transient == cases[i].is_transient);
	}
}

static void
test_pauses_grow_within_bounds(void **state)
{
	struct clone_failure failure = {.problem = CLONE_PROBLEM_UNREACHABLE};

	(void)state;
	assert_in_range(failure_delay_ms(&failure, 1, 0), 375, 375);
	assert_in_range(failure_delay_ms(&failure, 1, UINT16_MAX), 625, 625);
	assert_in_range(failure_delay_ms(&failure, 3, 30000), 1500, 2500);
	assert_in_range(failure_delay_ms(&failure, 1000, UINT16_MAX), 30000, 37500);
	failure.retry_after_ms = 50000;
	assert_int_equal(failure_delay_ms(&failure, 1, 0), 50000);
	failure.retry_after_ms = UINT64_MAX;
	assert_int_equal(failure_delay_ms(&failure, 1, 0), 120000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_which_addresses_are_cloned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_schemes_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credentials_are_for_one_origin, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_address_gets_its_suffix, setup, teardown),
		cmocka_unit_test(test_errors_of_the_library),
		cmocka_unit_test(test_first_failure_stays),
		cmocka_unit_test_setup_teardown(test_remotes_of_the_same_repository, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_ssh_server_at_another_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gitlab_at_an_ipv6_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_further_origins, setup, teardown),
		cmocka_unit_test(test_statuses_worth_a_retry),
		cmocka_unit_test(test_pauses_grow_within_bounds),
	};

	return cmocka_run_group_tests_name("clone/source", tests, NULL, NULL);
}
