/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, signals and reaps the worker.
 */
#include "clone/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "clone/environment.h"
#include "clone/remote_url.h"

#define PREFIX "WORKSPACE_PROXY_"

static void
add_url(struct environment *env, const char *name, const struct url *u, bool is_https)
{
	struct url copy = *u;
	struct buf text;

	if (is_https && !str_equal(u->scheme, STR("https"))) {
		copy.scheme = STR("https");
		copy.port = 443;
	}
	buf_init(&text, URL_MAX_BYTES);
	if (remote_url_append_text(&copy, &text) && buf_add_byte(&text, '\0'))
		environment_add(env, name, text.data);
	else
		env->failed = true;
	buf_fini(&text);
}

static void
add_number(struct environment *env, const char *name, uint64_t value, const char *unit)
{
	environment_add_made(env, name,
			     arena_printf(&env->arena, "%llu%s", (unsigned long long)value, unit));
}

static void
add_origins(struct environment *env, const char *name, const struct clone_origins *origins)
{
	struct buf text;

	buf_init(&text, CLONE_ORIGINS_MAX * (size_t)(URL_MAX_BYTES + 1));
	for (size_t i = 0; i < origins->count; i++) {
		if (i > 0)
			buf_add_byte(&text, ',');
		(void)!remote_url_append_text(&origins->items[i], &text);
	}
	if (origins->count > 0 && buf_add_byte(&text, '\0'))
		environment_add(env, name, text.data);
	env->failed = env->failed || !buf_is_ok(&text);
	buf_fini(&text);
}

static void
add_limits(struct environment *env, const struct clone_settings *settings)
{
	add_number(env, PREFIX "CLONE_STALL_TIMEOUT", settings->stall_timeout_ms, "ms");
	add_number(env, PREFIX "CLONE_DEPTH", settings->depth, "");
	environment_add(env, PREFIX "CLONE_UNSHALLOW", settings->unshallow ? "on" : "off");
	add_number(env, PREFIX "CLONE_MEMORY", settings->memory_bytes, "");
	add_number(env, PREFIX "CLONE_SUBMODULES", settings->submodules, "");
	environment_add(env, PREFIX "CLONE_LFS", settings->lfs ? "on" : "off");
	add_number(env, PREFIX "CLONE_RETRIES", settings->retries, "");
	add_number(env, PREFIX "CLONE_BYTES_MAX", settings->bytes_max, "");
	add_number(env, PREFIX "CLONE_FILES_MAX", settings->files_max, "");
	add_number(env, PREFIX "CLONE_FILE_BYTES_MAX", settings->file_bytes_max, "");
	if (settings->umask.is_set)
		environment_add_made(env, PREFIX "CLONE_UMASK",
				     arena_printf(&env->arena, "%04o", settings->umask.value));
	if (settings->group.is_set)
		add_number(env, PREFIX "CLONE_GROUP", settings->group.value, "");
}

/*
 * Sets the variables that the worker's settings are read from. GITLAB_API_URL carries the origin
 * because it may be plain http inside a cluster, and a relative URL root; GITLAB_URL is required
 * but not used otherwise.
 */
static bool
set_environment(struct environment *env, const struct clone_settings *settings, struct err *e)
{
	environment_init(env);
	environment_inherit(env, PREFIX "LOG_LEVEL");
	environment_inherit(env, PREFIX "LOG_FORMAT");
	environment_add(env, PREFIX "SECCOMP", settings->sandbox.seccomp ? "on" : "off");
	environment_add(env, PREFIX "LANDLOCK", settings->sandbox.landlock ? "on" : "off");
	environment_add(env, PREFIX "GITLAB_CA_FILE", settings->ca_file);
	environment_add(env, PREFIX "CLONE_DIR", settings->dir);
	environment_add(env, PREFIX "CLONE_REF", settings->ref);
	environment_add(env, PREFIX "CREDENTIAL_HELPER", settings->helper);
	add_url(env, PREFIX "CLONE_URL", &settings->url, false);
	if (!str_is_empty(settings->gitlab_url.host)) {
		add_url(env, PREFIX "GITLAB_URL", &settings->gitlab_url, true);
		add_url(env, PREFIX "GITLAB_API_URL", &settings->gitlab_url, false);
	}
	if (!str_is_empty(settings->gitlab_ssh.host))
		environment_add_made(env, PREFIX "GITLAB_SSH_ADDRESS",
				     arena_printf(&env->arena, "%.*s:%u",
						  STR_FMT(settings->gitlab_ssh.host),
						  (unsigned)settings->gitlab_ssh.port));
	environment_add(env, PREFIX "CLONE_MARKER", settings->marker);
	add_origins(env, PREFIX "CLONE_ORIGINS", &settings->origins);
	add_origins(env, PREFIX "CLONE_LFS_ORIGINS", &settings->lfs_origins);
	add_limits(env, settings);
	if (env->failed)
		return err_set(e, ERR_MEMORY, "clone worker: environment is too large");
	return true;
}

/* Creates a pipe whose descriptors are above those that the child uses. */
static bool
pipe_open(int ends[2], struct err *e)
{
	int low[2];
	int saved;

	ends[0] = ends[1] = -1;
	if (pipe2(low, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, CHILD_PROGRESS_FD + 1);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, CHILD_PROGRESS_FD + 1);
	saved = errno;
	close(low[0]);
	close(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0)
		return true;
	return err_set_errno(e, saved, "pipe");
}

static int
set_descriptors(posix_spawn_file_actions_t *actions, int token_fd, int progress_fd)
{
	int error =
		posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (error == 0)
		error = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null",
							 O_WRONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, token_fd, CHILD_TOKEN_FD);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, progress_fd, CHILD_PROGRESS_FD);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_PROGRESS_FD + 1);
	return error;
}

/* A new process group, no signals blocked or ignored. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all;
	sigset_t none;
	int error;

	sigfillset(&all);
	sigemptyset(&none);
	error = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (error == 0)
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (error == 0)
		error = posix_spawnattr_setsigmask(attributes, &none);
	if (error == 0)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	return error;
}

static bool
spawn(struct child *c, const char *program, struct environment *env, const int fds[2], bool waits,
      struct err *e)
{
	char name[] = "workspace-proxy";
	char command[] = "clone";
	char flag[] = "--worker";
	char wait[] = "--wait";
	char *argv[] = {name, command, flag, waits ? wait : NULL, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	error = set_descriptors(&actions, fds[0], fds[1]);
	if (error == 0)
		error = set_attributes(&attributes);
	if (error == 0)
		error = posix_spawn(&c->pid, program, &actions, &attributes, argv, env->variables);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error == 0)
		return true;
	c->pid = 0;
	return err_set_errno(e, error, "start %s", program);
}

static bool
token_write(int fd, const struct secret *token, struct err *e)
{
	struct str bytes = secret_view(token);

	if (bytes.len > CHILD_TOKEN_MAX - 1)
		return err_set(e, ERR_LIMIT, "token is longer than %u bytes", CHILD_TOKEN_MAX - 1);
	if (bytes.len > 0 && write(fd, bytes.data, bytes.len) != (ssize_t)bytes.len)
		return err_set_errno(e, errno, "pass the token");
	return true;
}

bool
child_spawn(struct child *c, const char *program, const struct clone_settings *settings,
	    const struct secret *token, struct err *e)
{
	bool waits = token != NULL && token == settings->token;
	struct environment env;
	int token_pipe[2] = {-1, -1};
	int progress_pipe[2] = {-1, -1};
	bool ok;

	*c = (struct child){.pidfd = -1, .progress_fd = -1};
	ok = set_environment(&env, settings, e) && pipe_open(token_pipe, e) &&
	     pipe_open(progress_pipe, e) && token_write(token_pipe[1], token, e);
	if (ok && fcntl(progress_pipe[0], F_SETFL, O_NONBLOCK) < 0)
		ok = err_set_errno(e, errno, "pipe");
	if (ok)
		ok = spawn(c, program, &env, (int[]){token_pipe[0], progress_pipe[1]}, waits, e);
	if (ok) {
		c->pidfd = pidfd_open(c->pid, 0);
		c->progress_fd = progress_pipe[0];
		progress_pipe[0] = -1;
	}
	fd_close(token_pipe[0]);
	fd_close(token_pipe[1]);
	fd_close(progress_pipe[0]);
	fd_close(progress_pipe[1]);
	environment_fini(&env);
	return ok || err_wrap(e, "clone worker");
}

bool
child_reap(struct child *c, int *status)
{
	pid_t pid;

	if (c->pid == 0)
		return false;
	do
		pid = waitpid(c->pid, status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	/* Reaped by someone else: the status is lost. */
	if (pid < 0)
		*status = 0;
	c->pid = 0;
	return true;
}

void
child_signal(const struct child *c, int number)
{
	if (c->pid != 0)
		(void)kill(-c->pid, number);
}

static bool
wait_until(struct child *c, uint64_t deadline_ms)
{
	int status;

	while (!child_reap(c, &status)) {
		struct pollfd polled = {.fd = c->pidfd, .events = POLLIN};

		if (clock_monotonic_ms() >= deadline_ms)
			return false;
		(void)poll(&polled, 1, 20);
	}
	return true;
}

void
child_terminate(struct child *c, uint64_t grace_ms)
{
	if (c->pid == 0)
		return;
	child_signal(c, SIGTERM);
	if (wait_until(c, clock_monotonic_ms() + grace_ms))
		return;
	child_signal(c, SIGKILL);
	/* A process in an uninterruptible system call ends later and is reaped by init. */
	(void)wait_until(c, clock_monotonic_ms() + 1000);
}

void
child_fini(struct child *c)
{
	fd_close(c->progress_fd);
	fd_close(c->pidfd);
	c->progress_fd = c->pidfd = -1;
}
