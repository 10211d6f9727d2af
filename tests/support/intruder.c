/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code that runs in the process of a test, preloaded into a program: on SIGUSR2 it tries what an
 * intruder would, says on standard error what came of each, and starts a program at last.
 *
 * When a file is opened by openat whose name begins with INTRUDER_AT, it says what it still has of
 * the network.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void
tell_at(const char *place, const char *what, int result)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "intruder: %s%s %s\n", place, what,
			   result >= 0 ? "done" : strerrorname_np(errno));

	(void)!write(STDERR_FILENO, line, (size_t)len);
}

static void
tell(const char *what, int result)
{
	tell_at("", what, result);
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

/* Made and closed again: what comes later counts those that there are. */
static int
try_socket(int family, int type)
{
	int fd = socket(family, type, 0);
	int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
	return fd;
}

static int
count_sockets(void)
{
	struct stat st;
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	return count;
}

/* On standard input, which is no socket: a refusal comes before the kernel looks at it. */
static void
try_network(const char *name)
{
	const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
	const struct sockaddr *address = (const struct sockaddr *)&nowhere;
	char place[128];

	(void)snprintf(place, sizeof(place), "%s ", name);
	tell_at(place, "tcp", try_socket(AF_INET, SOCK_STREAM));
	tell_at(place, "tcp6", try_socket(AF_INET6, SOCK_STREAM));
	tell_at(place, "udp", try_socket(AF_INET, SOCK_DGRAM));
	tell_at(place, "unix", try_socket(AF_UNIX, SOCK_STREAM));
	tell_at(place, "netlink", try_socket(AF_NETLINK, SOCK_RAW));
	tell_at(place, "connect", connect(0, address, sizeof(nowhere)));
	tell_at(place, "bind", bind(0, address, sizeof(nowhere)));
	tell_at(place, "sendto", (int)sendto(0, "x", 1, 0, address, sizeof(nowhere)));
	tell_at(place, "sendmsg", (int)sendmsg(0, &(struct msghdr){.msg_iov = NULL}, 0));
	errno = EISCONN;
	tell_at(place, "sockets", count_sockets() == 0 ? 0 : -1);
}

int
openat(int directory, const char *name, int flags, ...)
{
	static _Thread_local int is_inside;
	int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, "openat");
	const char *at = getenv("INTRUDER_AT");
	mode_t mode = 0;
	va_list more;

	va_start(more, flags);
	if ((flags & (O_CREAT | O_TMPFILE)) != 0)
		mode = va_arg(more, mode_t);
	va_end(more);
	if (at != NULL && is_inside++ == 0 && strncmp(name, at, strlen(at)) == 0)
		try_network(name);
	is_inside = 0;
	return real(directory, name, flags, mode);
}

__attribute__((constructor)) static void
start(void)
{
	(void)signal(SIGUSR2, on_signal);
}
