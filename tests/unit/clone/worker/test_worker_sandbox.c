/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a clone's worker reaches once it has restricted itself: its target, and neither secrets nor
 * programs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log/log.h"
#include "clone/clone.h"
#include "clone/worker/worker_sandbox.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

static char root[64];
static char dir[96];
static char marker[96];
static char authorities[96];
static struct clone_settings settings;

static void
name(char out[96], const char *below)
{
	(void)snprintf(out, 96, "%s/%s", root, below);
}

static bool
make_file(const char *below)
{
	char path[96];

	name(path, below);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, "x", 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
make_folder(const char *below)
{
	char path[96];

	name(path, below);
	return mkdir(path, 0700) == 0;
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "%s/test-worker-XXXXXX", temporary_folder());
	if (mkdtemp(root) == NULL || !make_folder("projects") || !make_folder("secrets") ||
	    !make_folder("done") || !make_file("secrets/cookie-secret") ||
	    !make_file("secrets/ca.crt"))
		return -1;
	name(dir, "projects/deep/project");
	name(marker, "done/marker");
	name(authorities, "secrets/ca.crt");
	settings = (struct clone_settings){.dir = dir,
					   .marker = marker,
					   .ca_file = authorities,
					   .sandbox = {.seccomp = true, .landlock = true}};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	return remove_tree(root);
}

static bool
can_read(const char *below)
{
	char path[96];
	char byte;

	name(path, below);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, &byte, 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Each step has a bit, so that the exit code tells which one failed. */
static int
try_files(void)
{
	const bool steps[] = {
		make_folder("projects/deep") && make_file("projects/deep/file") &&
			can_read("projects/deep/file"),
		make_file("done/marker"),
		can_read("secrets/ca.crt") && !can_read("secrets/cookie-secret"),
		!make_file("secrets/new") && !make_file("new"),
		open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC) >= 0 || errno == ENOENT,
		open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES,
		open("/root", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES,
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static int
run_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES || errno == EPERM ? 1 : 2;
}

static int
run(int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		log_set_level(LOG_OFF);
		worker_sandbox_enter(&settings);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
skip_without_landlock(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 2)
		skip();
}

static void
test_files(void **state)
{
	(void)state;
	skip_without_landlock();
	assert_int_equal(run(try_files), 0);
}

static void
test_no_programs(void **state)
{
	(void)state;
	skip_without_landlock();
	int status = run(run_program);
#ifdef SANITIZED /* their filters permit starting it, but Landlock does not */
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
#else
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
#endif
	settings.sandbox.seccomp = false;
	status = run(run_program);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void
test_off(void **state)
{
	(void)state;
	settings.sandbox = (struct sandbox_settings){.seccomp = false, .landlock = false};
	int status = run(try_files);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
	status = run(run_program);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A mount in the root directory is not the root directory. */
static void
test_surroundings(void **state)
{
	static const struct {
		const char *dir;
		const char *expected;
	} cases[] = {
		{"/proc", "/proc"},
		{"/nonexistent", "/"},
		{"/usr/share/nonexistent/project", "/usr/share"},
	};
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct clone_settings s = {.dir = cases[i].dir};
		struct confine_rules rules = {.count = 0};

		clone_permit(&s, &rules, &a);
		assert_int_equal(rules.count, 1);
		assert_string_equal(rules.items[0].path, cases[i].expected);
	}
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off, setup, teardown),
		cmocka_unit_test(test_surroundings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
