/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that any proxy does for what small messages cost: one receive, one send, edge-triggered
 * epoll. It parses nothing, checks nothing and has no limits, so what it needs is the kernel's
 * share of everybody else's time, and what it reaches is the most that they could.
 *
 *	relay PORT UPSTREAM_PORT
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS	  512
#define PAIRS_MAX 65536

static int poll_fd;
static int other_end[PAIRS_MAX]; /* of each descriptor; 0: none */
static char scratch[65536];

static struct sockaddr_in
loopback(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool
watch(int fd, unsigned events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
close_pair(int fd)
{
	int other = other_end[fd];

	other_end[fd] = other_end[other] = 0;
	close(fd);
	close(other);
}

static void
accept_pair(int listener, const struct sockaddr_in *upstream)
{
	int from = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (from < 0 || to < 0 || from >= PAIRS_MAX || to >= PAIRS_MAX ||
	    connect(to, (const struct sockaddr *)upstream, sizeof(*upstream)) != 0) {
		close(from);
		close(to);
		return;
	}
	other_end[from] = to;
	other_end[to] = from;
	if (!watch(from, EPOLLIN | EPOLLRDHUP | EPOLLET) ||
	    !watch(to, EPOLLIN | EPOLLRDHUP | EPOLLET))
		close_pair(from);
}

/* More than is expected at a time, or than the receiver takes at once, ends the connection. An end
 * is told where it comes alone. */
static void
pass_on(int fd)
{
	if (other_end[fd] == 0)
		return;
	ssize_t n = recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n == sizeof(scratch))
		n = -1;
	if (n <= 0 || send(other_end[fd], scratch, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		close_pair(fd);
}

int
main(int argc, char **argv)
{
	static struct epoll_event events[EVENTS];
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (argc != 3) {
		(void)fputs("relay PORT UPSTREAM_PORT\n", stderr);
		return 2;
	}
	struct sockaddr_in here = loopback(argv[1]);
	struct sockaddr_in upstream = loopback(argv[2]);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (poll_fd < 0 || bind(listener, (const struct sockaddr *)&here, sizeof(here)) != 0 ||
	    listen(listener, 4096) != 0 || !watch(listener, EPOLLIN)) {
		perror("relay");
		return 1;
	}
	for (;;) {
		int n = epoll_wait(poll_fd, events, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_pair(listener, &upstream);
			else
				pass_on(events[i].data.fd);
		}
	}
}
