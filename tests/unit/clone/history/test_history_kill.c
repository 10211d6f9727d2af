/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killed while history that has been received is shown to git: every call that changes the file
 * system is, in turn, the one before which the process gets SIGKILL. git must find a valid
 * repository then, with nothing locked once the next run is through, and that one completes it.
 *
 * The calls are stood in for below, so that they can be counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <git2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone/history/git_history.h"
#include "clone/history/history.h"
#include "tests/unit/clone/killed_calls.h"
#include "tests/unit/emulated.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define CALLS_MAX 200u

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	count_call();
	return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

int
mkdirat(int at, const char *path, mode_t mode)
{
	count_call();
	return (int)syscall(SYS_mkdirat, at, path, mode);
}

static bool
on_progress(const struct clone_progress *p, void *arg)
{
	(void)p;
	(void)arg;
	return true;
}

static bool
run_history(void)
{
	const struct clone_settings settings = {
		.url = {.scheme = {"https", 5},
			.host = {"127.0.0.1", 9},
			.port = 1,
			.path = {"/group/project.git", 18}},
		.dir = "now",
		.memory_bytes = 16u << 20,
	};
	const struct git_request request = {
		.url = "https://127.0.0.1:1/group/project.git",
		.target_dir = "now",
		.settings = &settings,
		.cancel_fd = -1,
		.on_progress = on_progress,
	};
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};

	if (git_history_run(&request, &f))
		return true;
	(void)fprintf(stderr, "%s\n", f.detail.text);
	return false;
}

/* True: it was not killed. */
static bool
run_killed(unsigned call)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		calls_left = call;
		_exit(run_history() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return false;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void
run_script(const char *script)
{
	if (system(script) != 0) /* NOLINT(cert-env33-c,bugprone-command-processor) */
		fail_msg("%s", script);
}

/* A clone with a depth of 1, and its complete origin. */
static const char make_template[] =
	"set -eu; "
	"export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b "
	"GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
	"git init -q -b main origin; cd origin; "
	"for i in 1 2 3 4; do echo $i >file; git add file; git commit -q -m $i; done; "
	"git branch topic/one HEAD~1; git tag -a -m One v1 HEAD~2; git tag light; cd ..; "
	"git clone -q --template= --depth=1 file://$PWD/origin template; "
	"git -C template remote set-url origin https://127.0.0.1:1/group/project.git; "
	"git -C template pack-refs --all; "
	"mkdir template/.git/workspace-proxy-history; "
	"touch template/.git/workspace-proxy-history/due; cd "
	"template/.git/workspace-proxy-history; "
	"git init -q --bare repository; cd repository; "
	"git fetch -q ../../../../origin '+refs/heads/*:refs/remotes/origin/*' "
	"'+refs/tags/*:refs/tags/*'; git repack -q -a -d; git pack-refs --all; "
	"git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main; "
	"rm -f objects/pack/*.rev; rm -rf hooks; "
	"ls objects/pack | sed -n 's/^pack-\\(.*\\)[.]idx$/\\1/p' >../packs; "
	"test -s ../packs; cd ../../../../; "
	"git clone -q file://$PWD/origin whole; git -C whole show-ref -d >theirs";

static const char make_copy[] = "rm -rf now && cp -a template now";

/* Without a process each for two files that must not exist in the end. */
#define FSCK "git -c core.commitGraph=false -c core.multiPackIndex=false fsck --full "

static const char check_received[] =
	"diff -r template/.git/workspace-proxy-history now/.git/workspace-proxy-history";

/* A user's git runs before the cleanup. */
static const char check_between[] =
	"set -eu; cd now; test -z \"$(" FSCK "--no-dangling 2>&1)\"; "
	"case $(git rev-list --count HEAD origin/main) in 1|4) ;; *) exit 1;; esac";

static const char check_end[] =
	"set -eu; cd now; test ! -e .git/shallow; test -z \"$(git status --porcelain)\"; "
	"test -z \"$(" FSCK "--strict 2>&1)\"; test $(git rev-list --count HEAD) = 4; "
	"git show-ref -d >../ours; cmp ../ours ../theirs; "
	"set -- .git/*.lock .git/workspace-proxy* .git/objects/pack/*.keep "
	".git/objects/pack/tmp* .git/objects/pack/multi* .git/objects/info/commit*; "
	"test \"$*\" = \".git/*.lock .git/workspace-proxy* .git/objects/pack/*.keep "
	".git/objects/pack/tmp* .git/objects/pack/multi* .git/objects/info/commit*\"";

static void
test_killed_before_each_call(void **state)
{
	unsigned call = 1;
	bool is_over = false;

	(void)state;
	while (!is_over) {
		assert_true(call < CALLS_MAX);
		run_script(make_copy);
		is_over = run_killed(call);
		call += UNLESS_EMULATED(1, 4);
		run_script(check_between);
		if (history_is_due("now"))
			assert_true(run_history());
		run_script(check_end);
	}
	assert_true(call > 15);
}

static void
test_killed_twice(void **state)
{
	(void)state;
	for (unsigned first = 2; first < 30; first += UNLESS_EMULATED(3, 9)) {
		run_script(make_copy);
		if (run_killed(first))
			break;
		(void)run_killed(CALLS_MAX - first < 4 ? 1 : 1 + first / 2);
		run_script(check_between);
		if (history_is_due("now"))
			assert_true(run_history());
		run_script(check_end);
	}
}

/* A lock of git is not taken for ours, neither by this run nor by the next one. */
static void
test_a_lock_of_git(void **state)
{
	(void)state;
	run_script(make_copy);
	run_script("touch now/.git/shallow.lock");
	assert_false(run_history());
	assert_false(run_history());
	run_script("test -f now/.git/shallow.lock && rm now/.git/shallow.lock");
	run_script(check_between);
	assert_true(run_history());
	run_script(check_end);
}

/* Files that the user's own git has removed are noticed; a link is not followed. */
static void
test_a_pack_that_has_gone(void **state)
{
	(void)state;
	run_script(make_copy);
	run_script("rm now/.git/workspace-proxy-history/repository/objects/pack/*.idx");
	assert_false(run_history());
	run_script(check_between);
	run_script("test ! -e now/.git/workspace-proxy-history/packs; "
		   "test -z \"$(ls now/.git/objects/pack/*.keep 2>/dev/null)\"");
	run_script("rm -rf elsewhere; mv now/.git/workspace-proxy-history elsewhere; "
		   "ln -s ../../elsewhere now/.git/workspace-proxy-history");
	assert_false(run_history());
	run_script("test -d elsewhere");
}

/* What another process has received remains, as the lock is not ours. */
static void
test_another_process_has_the_lock(void **state)
{
	int fd;

	(void)state;
	run_script(make_copy);
	fd = open("now/.git/workspace-proxy-history", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_false(run_history());
	assert_int_equal(close(fd), 0);
	run_script(check_received);
	assert_true(run_history());
	run_script(check_end);
}

/* An error in reading the list of packs is no reason to receive everything again. */
static void
test_a_list_that_cannot_be_read(void **state)
{
	(void)state;
	run_script(make_copy);
	run_script("cd now/.git/workspace-proxy-history; mv packs list; ln -s list packs");
	assert_false(run_history());
	run_script("cd now/.git/workspace-proxy-history; mv list packs");
	run_script(check_received);
	assert_true(run_history());
	run_script(check_end);
}

static int
set_up(void **state)
{
	static char folder[64];

	*state = folder;
	(void)snprintf(folder, sizeof(folder), "%s/test-history-kill-XXXXXX", temporary_folder());
	if (mkdtemp(folder) == NULL || chdir(folder) < 0)
		return -1;
	(void)setenv("HOME", "/nonexistent", 1);
	/* Once, not in every process. */
	git_libgit2_init();
	run_script(make_template);
	return 0;
}

static int
tear_down(void **state)
{
	git_libgit2_shutdown();
	return chdir("/") < 0 ? -1 : remove_tree(*state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_before_each_call),
		cmocka_unit_test(test_killed_twice),
		cmocka_unit_test(test_a_lock_of_git),
		cmocka_unit_test(test_a_pack_that_has_gone),
		cmocka_unit_test(test_another_process_has_the_lock),
		cmocka_unit_test(test_a_list_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
