/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that fails, breaks, hangs or is not there, and what is tried again.
 */
#include <sys/mman.h>

#include "tests/unit/clone/clone_support.h"

static void
assert_fails(struct fixture *f, const char *script, enum clone_problem problem)
{
	const struct clone_progress *p;

	start(f, script);
	p = run_until(f, CLONE_FAILED);
	assert_int_equal(p->problem, problem);
	assert_true(p->ended_at_s >= p->started_at_s && p->started_at_s > 0);
	assert_null(strstr(p->message, "lies"));
	assert_true(strlen(p->message) > 0);
}

static void
test_problem_that_the_worker_names(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, "line connecting\nline failed '\"not_found\"'\nexit 13\n",
		     CLONE_PROBLEM_NOT_FOUND);
	assert_true(clone_progress(f->clone)->can_retry);
}

static void
test_workers_that_break(void **state)
{
	static const char *const scripts[] = {
		"exit 0\n",
		"exit 3\n",
		"kill -9 $$\n",
		"kill -SEGV $$\n",
		"line receiving\nexit 0\n",
		"echo garbage >&4\nsleep 100\n",
		"line checkout\nline receiving\nsleep 100\n",
		"line failed\nsleep 100\n",
		"line waiting\nsleep 100\n",
		"head -c 5000 /dev/zero | tr '\\0' x >&4\nsleep 100\n",
		"yes '{' >&4\n",
		"cat /dev/zero >&4\n",
		"printf '{\"phase\":' >&4\nexit 0\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		assert_fails(f, scripts[i], CLONE_PROBLEM_INTERNAL);
}

static void
test_phase_that_cannot_follow_is_logged(void **state)
{
	struct fixture *f = *state;
	char text[4096];
	int log = memfd_create("log", MFD_CLOEXEC);
	ssize_t len;

	assert_true(log >= 0);
	log_configure(LOG_ERROR, LOG_TEXT, log);
	assert_fails(f, "line checkout\nline receiving\nsleep 100\n", CLONE_PROBLEM_INTERNAL);
	log_configure(LOG_OFF, LOG_TEXT, STDERR_FILENO);
	len = pread(log, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	assert_non_null(strstr(text, "phase receiving does not follow checkout"));
	close(log);
}

static void
test_program_that_does_not_exist(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	f->clone = clone_new(f->loop, &f->settings, "/nonexistent/worker", &e);
	assert_non_null(f->clone);
	assert_false(clone_start(f->clone, f->token, &e));
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_FAILED);
	assert_int_equal(clone_progress(f->clone)->problem, CLONE_PROBLEM_INTERNAL);
	assert_true(clone_progress(f->clone)->can_retry);
}

static void
test_silence_ends_it(void **state)
{
	struct fixture *f = *state;

	f->settings.stall_timeout_ms = 150;
	assert_fails(f, "line receiving\nexec sleep 100\n", CLONE_PROBLEM_STALLED);
}

static void
test_worker_that_ignores_sigterm_is_killed(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = clock_monotonic_ms();

	start(f, "trap '' TERM\nline receiving\nwhile :; do sleep 0.05; done\n");
	f->settings.stall_timeout_ms = 150; /* from the first line on: the trap is set */
	assert_int_equal(run_until(f, CLONE_FAILED)->problem, CLONE_PROBLEM_STALLED);
	assert_in_range(clock_monotonic_ms() - begin, 2500, 30000);
}

static void
test_report_counts_even_if_the_worker_hangs_afterwards(void **state)
{
	struct fixture *f = *state;

	start(f, "line receiving\nline done\nexec sleep 100\n");
	f->settings.stall_timeout_ms = 1000; /* from the first line on */
	assert_int_equal(run_until(f, CLONE_DONE)->problem, CLONE_PROBLEM_NONE);
}

static void
test_retry(void **state)
{
	struct fixture *f = *state;
	const struct clone_progress *p;

	assert_fails(f, "line receiving null 77\nline failed '\"token\"' 77\n",
		     CLONE_PROBLEM_TOKEN);
	assert_int_equal(clone_progress(f->clone)->counters.bytes, 77);
	start(f, "line connecting\nline done\n");
	assert_int_equal(clone_progress(f->clone)->counters.bytes, 0);
	assert_int_equal(clone_progress(f->clone)->problem, CLONE_PROBLEM_NONE);
	assert_int_equal(clone_progress(f->clone)->ended_at_s, 0);
	p = run_until(f, CLONE_DONE);
	assert_int_equal(p->problem, CLONE_PROBLEM_NONE);
	start(f, "line failed '\"token\"'\n"); /* done stays done */
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_DONE);
}

static void
test_refused_is_final(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	assert_fails(f, "line failed '\"refused\"'\n", CLONE_PROBLEM_REFUSED);
	assert_false(clone_progress(f->clone)->can_retry);
	assert_true(clone_start(f->clone, f->token, &e));
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_FAILED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_problem_that_the_worker_names),
		T(test_workers_that_break),
		T(test_phase_that_cannot_follow_is_logged),
		T(test_program_that_does_not_exist),
		T(test_silence_ends_it),
		T(test_worker_that_ignores_sigterm_is_killed),
		T(test_report_counts_even_if_the_worker_hangs_afterwards),
		T(test_retry),
		T(test_refused_is_final),
	};

	return cmocka_run_group_tests_name("clone/clone", tests, NULL, NULL);
}
