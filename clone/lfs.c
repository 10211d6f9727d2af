/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting git-lfs, waiting for it, ending it. It has nothing of our environment, reads no
 * configuration but the clone's and what is given here, and says nothing: its words may be those of
 * whoever made the repository.
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

#include "base/arena.h"
#include "base/clock.h"

#define TICK_MS	      500
#define VARIABLES_MAX 32
#define ARENA_MAX     65536u
#define PATH_VALUE    "/usr/local/bin:/usr/bin:/bin"

/* NULL: nowhere. */
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

struct variables {
	struct arena arena;
	char *items[VARIABLES_MAX + 1];
	size_t count;
	bool failed;
};

static void
variables_add(struct variables *v, const char *name, const char *value)
{
	char *text = value == NULL ? NULL : arena_printf(&v->arena, "%s=%s", name, value);

	if (value == NULL)
		return;
	if (text == NULL || v->count == VARIABLES_MAX)
		v->failed = true;
	else
		v->items[v->count++] = text;
}

/* What the repository says about where its large files are does not count. */
static bool
variables_init(struct variables *v, const struct lfs_request *request)
{
	static const char *const inherited[] = {"HTTPS_PROXY", "https_proxy", "http_proxy",
						"ALL_PROXY",   "all_proxy",   "NO_PROXY",
						"no_proxy"};

	*v = (struct variables){.count = 0};
	arena_init(&v->arena, ARENA_MAX);
	variables_add(v, "PATH", PATH_VALUE);
	variables_add(v, "HOME", "/nonexistent");
	variables_add(v, "LANG", "C.UTF-8");
	variables_add(v, "GIT_TERMINAL_PROMPT", "0");
	variables_add(v, "GIT_ASKPASS", "/bin/false");
	variables_add(v, "GIT_CONFIG_NOSYSTEM", "1");
	variables_add(v, "GIT_CONFIG_GLOBAL", "/dev/null");
	variables_add(v, "GIT_SSL_CAINFO", request->ca_file);
	variables_add(v, "GIT_CONFIG_COUNT", "3");
	variables_add(v, "GIT_CONFIG_KEY_0", "lfs.url");
	variables_add(v, "GIT_CONFIG_VALUE_0",
		      arena_printf(&v->arena, "%s/info/lfs", request->url));
	variables_add(v, "GIT_CONFIG_KEY_1", "core.hooksPath");
	variables_add(v, "GIT_CONFIG_VALUE_1", "/dev/null");
	variables_add(v, "GIT_CONFIG_KEY_2", "core.fsmonitor");
	variables_add(v, "GIT_CONFIG_VALUE_2", "false");
	for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++)
		variables_add(v, inherited[i], getenv(inherited[i]));
	return !v->failed;
}

/* In the child: a group of its own, which ends with us. */
static void
become(const char *program, char *const *argv, char *const *env, const char *dir)
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

/* False: it has not ended yet. What it has started itself ends with it: its group is there as long
 * as nobody has collected it. */
static bool
wait_for(pid_t pid, int pidfd, int *status)
{
	struct pollfd polled = {.fd = pidfd, .events = POLLIN};
	siginfo_t info = {.si_pid = 0};

	(void)poll(&polled, 1, TICK_MS);
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return errno != EINTR; /* nobody knows how it ended */
	if (info.si_pid != pid)
		return false;
	(void)kill(-pid, SIGKILL);
	return waitpid(pid, status, 0) == pid;
}

static bool
run(const struct lfs_request *request, char *const *env, char *const *argv, uint64_t end_ms,
    struct err *e)
{
	int status = -1;
	pid_t pid = fork();
	int pidfd;
	bool is_stopped = false;

	if (pid < 0)
		return err_set_errno(e, errno, "start git-lfs");
	if (pid == 0)
		become(find_git_lfs(), argv, env, request->dir);
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
		return err_set(e, ERR_TIMEOUT, "git-lfs was stopped");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, ERR_PROTOCOL, "git-lfs %s ended with %d", argv[1],
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
	struct variables v;
	bool ok = variables_init(&v, request) || err_set(e, ERR_MEMORY, "no memory");

	ok = ok && run(request, v.items, (char *[]){name, install, local, skip, NULL}, end_ms, e) &&
	     run(request, v.items, (char *[]){name, pull, NULL}, end_ms, e);
	arena_fini(&v.arena);
	return ok;
}
