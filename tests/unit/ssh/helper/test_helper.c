/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh/helper/helper: what `workspace-ssh start` does where its lock is held or can't be had.
 * flock(2) is stood in for.
 */
#include "ssh/helper/helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define INFO "workspace-ssh 1 info\n"

static int flock_error;

int
flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	errno = flock_error;
	return -1;
}

/* Starts workspace-ssh in the directory. Returns a connection to it, or -1. */
static int
start(const char *directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char private[96];
	char *words[] = {(char[]){"workspace-ssh"}, (char[]){"start"},	     (char[]){"--socket"},
			 address.sun_path,	    (char[]){"--directory"}, private};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
	(void)snprintf(private, sizeof(private), "%s/private", directory);
	assert_int_equal(ssh_helper_run(sizeof(words) / sizeof(words[0]), words), 0);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	assert_int_equal(errno, ENOENT);
	close(fd);
	return -1;
}

/* It removes its files before it exits. */
static void
end_process(pid_t pid)
{
	struct pollfd process = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

	assert_true(process.fd >= 0);
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(poll(&process, 1, 60000), 1);
	close(process.fd);
}

/* Asks it for information, and ends it. */
static void
ask_and_end(int fd, char *answer, size_t size)
{
	struct ucred who = {.pid = 0};
	socklen_t len = sizeof(who);
	ssize_t n;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len), 0);
	assert_int_equal(send(fd, INFO, strlen(INFO), MSG_NOSIGNAL), strlen(INFO));
	n = recv(fd, answer, size - 1, 0);
	end_process(who.pid);
	assert_true(n > 0);
	answer[n] = '\0';
	close(fd);
}

static void
test_held(void **state)
{
	flock_error = EWOULDBLOCK;
	assert_int_equal(start(*state), -1);
}

static void
test_not_possible(void **state)
{
	static const int errors[] = {ENOLCK, EINTR, EIO};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		char answer[512];
		int fd;

		flock_error = errors[i];
		fd = start(*state);
		assert_true(fd >= 0);
		ask_and_end(fd, answer, sizeof(answer));
		assert_int_equal(strncmp(answer, "problem ", 8), 0);
		assert_non_null(strstr(answer, strerror(errors[i])));
	}
}

static int
setup(void **state)
{
	static char directory[64];

	(void)snprintf(directory, sizeof(directory), "%s/test-helper-XXXXXX", temporary_folder());
	*state = mkdtemp(directory);
	return *state == NULL;
}

static int
teardown(void **state)
{
	return remove_tree(*state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_possible, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
