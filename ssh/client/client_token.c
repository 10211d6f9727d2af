/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GitLab token from the environment, or from a command: it is never an argument, and never
 * printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "ssh/client/client_token.h"

#define COMMAND_MS 30000u
#define PAUSE_MS   10

static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

bool
client_token_is_given(void)
{
	return variable(CLIENT_TOKEN_VARIABLE) != NULL ||
	       variable(CLIENT_TOKEN_COMMAND_VARIABLE) != NULL;
}

/* Without a terminal: it would wait for someone who may not be there. */
static void
run_child(const char *command, int out)
{
	int null = open("/dev/null", O_RDONLY);

	(void)setsid();
	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Reads to the end of what the command prints. */
static bool
read_output(int fd, struct buf *out, uint64_t deadline_ms, struct err *e)
{
	char piece[256];

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t now_ms = clock_monotonic_ms();
		ssize_t n;

		if (now_ms >= deadline_ms || poll(&wait, 1, (int)(deadline_ms - now_ms)) == 0)
			return err_set(e, ERR_TIMEOUT, "the token command takes too long");
		n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "token command");
		if (n == 0)
			return true;
		if (!buf_add(out, piece, (size_t)n))
			return err_set(e, ERR_LIMIT, "the token command prints more than %u bytes",
				       CLIENT_TOKEN_MAX);
	}
}

/* Ends the command, with all that it has started, where it does not end by itself. */
static bool
await(pid_t pid, bool is_done, uint64_t deadline_ms, struct err *e)
{
	int status = -1;
	pid_t got = 0;

	while (is_done && got == 0 && clock_monotonic_ms() < deadline_ms) {
		got = waitpid(pid, &status, WNOHANG);
		if (got == 0)
			(void)poll(NULL, 0, PAUSE_MS);
	}
	if (got == 0) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return is_done && err_set(e, ERR_TIMEOUT, "the token command takes too long");
	}
	return (got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       err_set(e, ERR_CONFIG, "the token command failed");
}

static bool
run_command(const char *command, struct buf *out, struct err *e)
{
	uint64_t deadline_ms = clock_monotonic_ms() + COMMAND_MS;
	int fds[2];
	pid_t pid;
	bool ok;

	if (!fd_pipe(fds))
		return err_set_errno(e, errno, "token command");
	pid = fork();
	if (pid == 0)
		run_child(command, fds[1]);
	close(fds[1]);
	ok = pid > 0 || err_set_errno(e, errno, "token command");
	ok = ok && read_output(fds[0], out, deadline_ms, e);
	close(fds[0]);
	return (pid <= 0 || await(pid, ok, deadline_ms, e)) && ok;
}

/* It goes into a header field. */
static bool
take_token(struct str text, const char *source, char token[CLIENT_TOKEN_MAX], struct err *e)
{
	struct str value = str_trim(text);

	while (str_ends_with(value, STR("\n")) || str_ends_with(value, STR("\r")))
		value = str_take(value, value.len - 1);
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] <= 0x20 || value.data[i] >= 0x7f)
			return err_set(e, ERR_CONFIG,
				       "%s: not a token: it contains spaces or invalid characters",
				       source);
	if (value.len == 0 || value.len >= CLIENT_TOKEN_MAX)
		return err_set(e, ERR_CONFIG, "%s: expected a token of 1 to %u characters", source,
			       CLIENT_TOKEN_MAX - 1);
	memcpy(token, value.data, value.len);
	token[value.len] = '\0';
	return true;
}

bool
client_token_get(char token[CLIENT_TOKEN_MAX], struct err *e)
{
	const char *value = variable(CLIENT_TOKEN_VARIABLE);
	struct buf out;
	bool ok;

	if (value != NULL)
		return take_token(str_from(value), CLIENT_TOKEN_VARIABLE, token, e);
	buf_init(&out, CLIENT_TOKEN_MAX);
	ok = (buf_reserve(&out, CLIENT_TOKEN_MAX) || err_set(e, ERR_MEMORY, "out of memory")) &&
	     run_command(variable(CLIENT_TOKEN_COMMAND_VARIABLE), &out, e) &&
	     take_token(buf_view(&out), "the token command", token, e);
	buf_wipe_fini(&out);
	return ok;
}
