/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values: what the messages look like, where they are cut, and that a broken invariant
 * ends the process.
 */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_set_fills_code_and_text(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(err_set(&e, ERR_INPUT, "bad %s %d", "thing", 7));
	assert_int_equal(e.code, ERR_INPUT);
	assert_string_equal(e.text, "bad thing 7");
	err_clear(&e);
	assert_int_equal(e.code, ERR_NONE);
	assert_string_equal(e.text, "");
}

static void
test_null_is_fine(void **state)
{
	(void)state;
	assert_false(err_set(NULL, ERR_INPUT, "x"));
	assert_false(err_set_errno(NULL, ENOENT, "x"));
	assert_false(err_wrap(NULL, "x"));
	err_clear(NULL);
}

static void
test_set_errno_appends_the_reason(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_false(err_set_errno(&e, ENOENT, "open %s", "/x"));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_string_equal(e.text, "open /x: No such file or directory");
	assert_false(err_set_errno(&e, 99999, "odd"));
	assert_string_equal(e.text, "odd: Unknown error 99999");
}

static void
test_wrap_adds_context_on_the_left(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_TIMEOUT, "timed out");
	assert_false(err_wrap(&e, "connect"));
	assert_false(err_wrap(&e, "token %s", "exchange"));
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_string_equal(e.text, "token exchange: connect: timed out");
}

static void
test_own_text_may_be_an_argument(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_TLS, "inner");
	err_set(&e, ERR_CONNECT, "outer (%s)", e.text);
	assert_string_equal(e.text, "outer (inner)");
	err_wrap(&e, "<%s>", e.text);
	assert_string_equal(e.text, "<outer (inner)>: outer (inner)");
}

static void
test_long_messages_are_cut(void **state)
{
	char longest[2 * ERR_TEXT_MAX];
	struct err e = ERR_INIT;

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	err_set(&e, ERR_INPUT, "%s", longest);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	err_wrap(&e, "context");
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_int_equal(strncmp(e.text, "context: aaa", 12), 0);
	err_wrap(&e, "%s", longest);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	err_set_errno(&e, ENOENT, "%s", longest);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
}

static void
test_a_broken_invariant_aborts(void **state)
{
	char text[256] = "";
	int pipes[2];
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(pipes[1], STDERR_FILENO);
		err_assert(1 + 1 == 3);
		_exit(0);
	}
	(void)close(pipes[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_true(read(pipes[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "test_err.c"));
	assert_non_null(strstr(text, "1 + 1 == 3"));
	(void)close(pipes[0]);
	err_assert(1 + 1 == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_fills_code_and_text),
		cmocka_unit_test(test_null_is_fine),
		cmocka_unit_test(test_set_errno_appends_the_reason),
		cmocka_unit_test(test_wrap_adds_context_on_the_left),
		cmocka_unit_test(test_own_text_may_be_an_argument),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_a_broken_invariant_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
