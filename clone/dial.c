/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection with deadlines.
 */
#include "clone/dial.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum wait_result { WAIT_READY, WAIT_TIMEOUT, WAIT_CANCELLED };

static enum wait_result
wait_for(const struct dial_options *o, int fd, short events, uint64_t timeout_ms)
{
	struct pollfd polled[2] = {
		{.fd = fd, .events = events},
		{.fd = o->cancel_fd, .events = POLLIN},
	};
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;
	uint64_t now;
	int n;

	do {
		now = clock_monotonic_ms();
		n = now >= deadline
			    ? 0
			    : poll(polled, 2,
				   deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now));
	} while (n < 0 && errno == EINTR);
	if (n > 0 && polled[1].revents != 0)
		return WAIT_CANCELLED;
	return n > 0 ? WAIT_READY : WAIT_TIMEOUT;
}

/* Waits for the outcome of a connect under way; errno says what it was. */
static bool
connect_ends(const struct dial_options *o, int fd, uint64_t timeout_ms)
{
	int outcome = 0;
	socklen_t len = sizeof(outcome);

	switch (wait_for(o, fd, POLLOUT, timeout_ms)) {
	case WAIT_READY:
		break;
	case WAIT_TIMEOUT:
		errno = ETIMEDOUT;
		return false;
	case WAIT_CANCELLED:
		errno = ECANCELED;
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &len) < 0)
		return false;
	errno = outcome;
	return outcome == 0;
}

static int
connect_one(const struct dial_options *o, const struct addrinfo *a, uint64_t timeout_ms)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	int saved;

	if (fd < 0)
		return -1;
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 ||
	    (errno == EINPROGRESS && connect_ends(o, fd, timeout_ms))) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int
dial_connect(const struct dial_options *o, struct clone_failure *f)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	uint64_t deadline = clock_monotonic_ms() + o->connect_timeout_ms;
	struct addrinfo *list = NULL;
	char port[8];
	int fd = -1;
	int saved = ETIMEDOUT;
	int outcome;

	snprintf(port, sizeof(port), "%u", (unsigned)o->port);
	outcome = getaddrinfo(o->host, port, &hints, &list);
	if (outcome != 0) {
		failure_set(f, CLONE_PROBLEM_UNREACHABLE, "resolve %s: %s", o->host,
			    gai_strerror(outcome));
		return -1;
	}
	for (const struct addrinfo *a = list; fd < 0 && a != NULL; a = a->ai_next) {
		uint64_t now = clock_monotonic_ms();
		uint64_t left = now >= deadline ? 0 : deadline - now;

		/* An address that swallows packets must leave time for the next one. */
		fd = connect_one(o, a, a->ai_next != NULL ? left / 2 : left);
		if (fd < 0)
			saved = errno;
	}
	freeaddrinfo(list);
	if (fd < 0) {
		char text[128];

		failure_set(f, CLONE_PROBLEM_UNREACHABLE, "connect to %s port %s: %s", o->host,
			    port, strerror_r(saved, text, sizeof(text)));
	}
	return fd;
}

static bool
wait_or_fail(const struct dial_options *o, int fd, short events, struct clone_failure *f)
{
	switch (wait_for(o, fd, events, o->silence_timeout_ms)) {
	case WAIT_READY:
		return true;
	case WAIT_TIMEOUT:
		return failure_set(f, CLONE_PROBLEM_STALLED, "no byte from %s for %llu ms", o->host,
				   (unsigned long long)o->silence_timeout_ms);
	case WAIT_CANCELLED:
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "stopped");
	}
	return false;
}

static ssize_t
broken(const struct dial_options *o, struct clone_failure *f)
{
	char text[128];
	int saved = errno;

	failure_set(f, CLONE_PROBLEM_UNREACHABLE, "connection to %s: %s", o->host,
		    strerror_r(saved, text, sizeof(text)));
	return -1;
}

ssize_t
dial_read(const struct dial_options *o, int fd, void *data, size_t size, struct clone_failure *f)
{
	ssize_t n;

	while ((n = recv(fd, data, size, 0)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return broken(o, f);
		if (!wait_or_fail(o, fd, POLLIN, f))
			return -1;
	}
	return n;
}

ssize_t
dial_write(const struct dial_options *o, int fd, const void *data, size_t len,
	   struct clone_failure *f)
{
	ssize_t n;

	while ((n = send(fd, data, len, MSG_NOSIGNAL)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return broken(o, f);
		if (!wait_or_fail(o, fd, POLLOUT, f))
			return -1;
	}
	return n;
}
