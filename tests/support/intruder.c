/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that runs in the process of a test, preloaded into a program: on SIGUSR2 it tries what an
 * intruder would, says on standard error what came of each, and starts a program at last.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void
tell(const char *what, int result)
{
	char line[128];
	int len = snprintf(line, sizeof(line), "intruder: %s %s\n", what,
			   result >= 0 ? "done" : strerrorname_np(errno));

	(void)!write(STDERR_FILENO, line, (size_t)len);
}

static int
bind_anew(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET,
					.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? fd : bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

static int
make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void
on_signal(int number)
{
	const char *file = getenv("INTRUDER_FILE");
	char path[4096];

	(void)number;
	(void)snprintf(path, sizeof(path), "%s.new", file);
	tell("read", open(file, O_RDONLY));
	tell("write", open(path, O_WRONLY | O_CREAT, 0600));
	tell("connect", socket(AF_INET, SOCK_STREAM, 0));
	tell("bind", bind_anew());
	tell("packet", socket(AF_PACKET, SOCK_RAW, 0));
	tell("dumpable", prctl(PR_SET_DUMPABLE, 1));
	tell("executable", make_executable());
	tell("signal", kill(getppid(), 0));
	tell("program", execl("/bin/true", "true", (char *)NULL));
}

__attribute__((constructor)) static void
start(void)
{
	(void)signal(SIGUSR2, on_signal);
}
