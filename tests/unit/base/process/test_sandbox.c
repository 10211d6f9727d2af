/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/process/sandbox: what is permitted for a configured file, and that a process with several
 * threads does not enter: Landlock would restrict only one of them.
 */
#include "base/process/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log/log.h"
#include "base/process/thread.h"

static void
test_files(void **state)
{
	static const struct {
		const char *path;
		const char *permitted;
	} cases[] = {
		{"/absent/tls.crt", "/absent"},
		{"/absent/deep/tls.crt", "/absent/deep"},
		{"/absent.crt", "/absent.crt"}, /* not all of the root directory */
	};
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct confine_rules rules = {.count = 0};

		assert_true(sandbox_add_file(&rules, cases[i].path, &a));
		assert_int_equal(rules.count, 1);
		assert_string_equal(rules.items[0].path, cases[i].permitted);
		assert_int_equal(rules.items[0].access, CONFINE_READ);
	}
	arena_fini(&a);
}

/* A link to a file below the root directory; a directory stands in for it. */
static void
test_links(void **state)
{
	char folder[] = "/tmp/test-sandbox-XXXXXX";
	struct confine_rules rules = {.count = 0};
	char path[64];
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/link", folder);
	assert_int_equal(symlink("/proc", path), 0);
	assert_true(sandbox_add_file(&rules, path, &a));
	assert_int_equal(rules.count, 2);
	assert_string_equal(rules.items[0].path, folder);
	assert_string_equal(rules.items[1].path, "/proc");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
	arena_fini(&a);
}

static void
test_no_file(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	assert_true(sandbox_add_file(&rules, NULL, NULL));
	assert_int_equal(rules.count, 0);
}

static void *
wait_for_signals(void *arg)
{
	(void)pause();
	return arg;
}

static int
enter_in_child(bool with_thread)
{
	const struct sandbox_settings off = {.seccomp = false, .landlock = false};
	const struct confine_rules rules = {.count = 0};
	const struct rlimit no_core = {0, 0};
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		log_set_level(LOG_OFF);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		if (with_thread && !thread_start(&thread, wait_for_signals, NULL, NULL))
			_exit(1);
		sandbox_enter(&off, &rules, 0, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
test_one_thread(void **state)
{
	int status = enter_in_child(false);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_several_threads(void **state)
{
	int status = enter_in_child(true);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),		cmocka_unit_test(test_links),
		cmocka_unit_test(test_no_file),		cmocka_unit_test(test_one_thread),
		cmocka_unit_test(test_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
