/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs git-lfs. It inherits nothing of our environment, reads only the clone's configuration and
 * what is given here, and its output is discarded: it may be chosen by the repository's author.
 */
#include "clone/lfs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "clone/environment.h"

#define TICK_MS 500

/* NULL: not found. */
static const char *
find_program(const char *const *places)
{
	for (; *places != NULL; places++) {
		if (access(*places, X_OK) == 0)
			return *places;
	}
	return NULL;
}

static const char *
find_git_lfs(void)
{
	static const char *const places[] = {"/usr/local/bin/git-lfs", "/usr/bin/git-lfs",
					     "/bin/git-lfs", NULL};

	return find_program(places);
}

bool
lfs_is_installed(void)
{
	static const char *const git[] = {"/usr/local/bin/git", "/usr/bin/git", "/bin/git", NULL};

	return find_git_lfs() != NULL && find_program(git) != NULL;
}

/* Overrides the LFS server that the repository configures. */
static bool
set_environment(struct environment *env, const struct lfs_request *request)
{
	environment_init(env);
	environment_add(env, "GIT_TERMINAL_PROMPT", "0");
	environment_add(env, "GIT_ASKPASS", "/bin/false");
	environment_add(env, "GIT_CONFIG_NOSYSTEM", "1");
	environment_add(env, "GIT_CONFIG_GLOBAL", "/dev/null");
	environment_add(env, "GIT_SSL_CAINFO", request->ca_file);
	environment_add(env, "GIT_CONFIG_COUNT", "3");
	environment_add(env, "GIT_CONFIG_KEY_0", "lfs.url");
	environment_add_made(env, "GIT_CONFIG_VALUE_0",
			     arena_printf(&env->arena, "%s/info/lfs", request->url));
	environment_add(env, "GIT_CONFIG_KEY_1", "core.hooksPath");
	environment_add(env, "GIT_CONFIG_VALUE_1", "/dev/null");
	environment_add(env, "GIT_CONFIG_KEY_2", "core.fsmonitor");
	environment_add(env, "GIT_CONFIG_VALUE_2", "false");
	return !env->failed;
}

/* In the child: a process group that ends with this process. */
static void
exec_git_lfs(const char *program, char *const *argv, char *const *env, const char *dir)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0 || chdir(dir) < 0)
		_exit(126);
	(void)close_range(3, ~0u, 0);
	(void)execve(program, argv, env);
	_exit(127);
}

/* False: still running. When it has ended, its process group is killed as well, before it is reaped
 * and its id can be reused. */
static bool
wait_for(pid_t pid, int pidfd, int *status)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};
	siginfo_t info = {.si_pid = 0};

	(void)poll(&polled, 1, TICK_MS);
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno != EINTR; /* the status is unknown */
	if (info.si_pid != pid)
		return false;
	(void)kill(-pid, SIGKILL);
	return waitpid(pid, status, 0) == pid;
}

static bool
run_git_lfs(const struct lfs_request *request, char *const *env, char *const *argv, uint64_t end_ms,
	    struct err *e)
{
	int status = -1;
	pid_t pid = fork();
	int pidfd;
	bool is_stopped = false;

	if (pid < 0)
		return err_set_errno(e, errno, "start git-lfs");
	if (pid == 0)
		exec_git_lfs(find_git_lfs(), argv, env, request->dir);
	pidfd = pidfd_open(pid, 0);
	while (!wait_for(pid, pidfd, &status)) {
		is_stopped = is_stopped || !request->on_tick(request->arg) ||
			     clock_monotonic_ms() >= end_ms;
		if (is_stopped)
			(void)kill(-pid, SIGKILL);
	}
	if (pidfd >= 0)
		close(pidfd);
	if (is_stopped)
		return err_set(e, ERR_TIMEOUT, "git-lfs was cancelled or timed out");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_PROTOCOL, "git-lfs %s failed with exit code %d", argv[1],
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return true;
}

bool
lfs_pull(const struct lfs_request *request, struct err *e)
{
	char name[] = "git-lfs";
	char install[] = "install";
	char local[] = "--local";
	char skip[] = "--skip-repo"; /* no hooks */
	char pull[] = "pull";
	uint64_t end_ms = clock_monotonic_ms() + request->timeout_ms;
	struct environment env;
	bool ok = set_environment(&env, request) || err_set(e, ERR_MEMORY, "no memory");

	ok = ok &&
	     run_git_lfs(request, env.variables, (char *[]){name, install, local, skip, NULL},
			 end_ms, e) &&
	     run_git_lfs(request, env.variables, (char *[]){name, pull, NULL}, end_ms, e);
	environment_fini(&env);
	return ok;
}
