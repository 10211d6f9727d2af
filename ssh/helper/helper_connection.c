/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the sidecar, in a separate process, which becomes sshd. The listening process
 * removes the key's file after the login timeout.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "ssh/helper/helper_private.h"

static bool
wait_readable(int fd, uint64_t deadline_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint64_t now_ms;

	while ((now_ms = clock_monotonic_ms()) < deadline_ms)
		if (poll(&wait, 1, (int)(deadline_ms - now_ms)) > 0)
			return true;
	return false;
}

/* Byte by byte: what follows the line is for sshd. */
static bool
read_line(int fd, char line[SSH_MESSAGE_MAX], size_t *len)
{
	uint64_t deadline_ms = clock_monotonic_ms() + HELPER_REQUEST_MS;

	for (*len = 0; *len < SSH_MESSAGE_MAX; ++*len) {
		if (!wait_readable(fd, deadline_ms) || recv(fd, line + *len, 1, 0) != 1)
			return false;
		if (line[*len] == '\n')
			break;
	}
	return *len < SSH_MESSAGE_MAX;
}

static bool
send_answer(const struct ssh_helper *h, int fd)
{
	struct ssh_answer answer = {.is_ok = h->problem[0] == '\0',
				    .user = str_from(h->account.name)};
	struct buf out;
	bool ok;

	answer.sentence = str_from(answer.is_ok ? h->notice : h->problem);
	buf_init(&out, SSH_MESSAGE_MAX);
	ok = (!answer.is_ok || ssh_key_parse(str_from(h->host_key), &answer.host_key, NULL)) &&
	     ssh_answer_write(&answer, &out) &&
	     send(fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
	buf_fini(&out);
	return ok;
}

static bool
write_key(const char *path, const struct ssh_key *key)
{
	char text[SSH_KEY_TEXT_MAX + 2];
	int len = snprintf(text, sizeof(text), "%.*s %.*s\n", STR_FMT(key->type),
			   STR_FMT(key->base64));
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && len > 0 && (size_t)len < sizeof(text) &&
		  write(fd, text, (size_t)len) == len;

	fd_close(fd);
	return ok;
}

static void
restore_signals(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
}

void
helper_connection_run(const struct ssh_helper *h, int fd)
{
	char line[SSH_MESSAGE_MAX];
	char path[HELPER_PATH_MAX];
	struct ssh_request request;
	struct err e = ERR_INIT;
	size_t len;

	if (!read_line(fd, line, &len) ||
	    !ssh_request_parse((struct str){line, len}, &request, NULL))
		_exit(1);
	helper_keys_path(h, getpid(), path);
	(void)unlink(path);
	if (request.is_connect && h->problem[0] == '\0' && !write_key(path, &request.key))
		_exit(1);
	if (!send_answer(h, fd) || !request.is_connect || h->problem[0] != '\0')
		_exit(0);
	restore_signals();
	(void)umask(h->umask);
	helper_sshd_exec(h, fd, path, &e);
	(void)dprintf(STDERR_FILENO, "workspace-ssh: %s\n", e.text);
	_exit(1);
}
