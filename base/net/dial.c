/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getaddrinfo(3) has no timeout, so it runs in a thread, which is abandoned when it takes too
 * long. The thread closes its end of a pipe when it is done.
 */
#include "base/net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"

#define NAME_MAX_BYTES	256
#define ADDRESSES_MAX	16u
#define NEXT_ADDRESS_MS 250u /* time until the next address is tried in parallel */
#define WAIT_MAX_MS	60000u

/* Owned by the thread while it runs. */
struct name_lookup {
	char host[NAME_MAX_BYTES];
	char port[8];
	struct addrinfo *found;
	int error; /* error of getaddrinfo */
	int done_fd;
	pthread_t thread;
};

static void *
look_up(void *arg)
{
	struct name_lookup *q = arg;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

	q->error = getaddrinfo(q->host, q->port, &hints, &q->found);
	(void)close(q->done_fd);
	return NULL;
}

static int
milliseconds_until(uint64_t deadline_ms)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;

	return (int)(left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS);
}

bool
dial_wait(int fd, short events, uint64_t deadline_ms, struct err *e)
{
	struct pollfd wait = {.fd = fd, .events = events};

	while (poll(&wait, 1, milliseconds_until(deadline_ms)) <= 0)
		if (clock_monotonic_ms() >= deadline_ms)
			return err_set(e, ERR_TIMEOUT, "no answer in time");
	return true;
}

static bool
start_thread(struct name_lookup *q, int *fd, struct err *e)
{
	int ends[2];

	if (!fd_pipe(ends))
		return err_set_errno(e, errno, "pipe");
	q->done_fd = ends[1];
	*fd = ends[0];
	int error = pthread_create(&q->thread, NULL, look_up, q);
	if (error == 0)
		return true;
	(void)close(ends[0]);
	(void)close(ends[1]);
	return err_set_errno(e, error, "thread");
}

/* Takes ownership of q, and frees it unless its thread still runs. NULL: see e. */
static struct addrinfo *
find_addresses(struct name_lookup *q, uint64_t deadline_ms, struct err *e)
{
	struct addrinfo *found = NULL;
	int fd = -1;

	if (!start_thread(q, &fd, e)) {
		free(q);
		return NULL;
	}
	bool is_done = dial_wait(fd, POLLIN, deadline_ms, NULL);
	(void)close(fd);
	if (!is_done) {
		err_set(e, ERR_TIMEOUT, "%s: the name was not resolved in time", q->host);
		(void)pthread_detach(q->thread);
		return NULL;
	}
	(void)pthread_join(q->thread, NULL);
	if (q->error == 0)
		found = q->found;
	else
		err_set(e, ERR_CONNECT, "%s: %s", q->host, gai_strerror(q->error));
	free(q);
	return found;
}

static struct addrinfo *
resolve(const char *host, uint16_t port, uint64_t deadline_ms, struct err *e)
{
	struct name_lookup *q;

	if (strlen(host) >= sizeof(q->host)) {
		err_set(e, ERR_CONNECT, "%.100s: too long a name", host);
		return NULL;
	}
	q = err_alloc(e, sizeof(*q), "out of memory");
	if (q == NULL)
		return NULL;
	/* Names below localhost are this machine (RFC 6761 section 6.3), even if the resolver does
	 * not know it. */
	if (str_ends_with_nocase(str_from(host), STR(".localhost")))
		host = "localhost";
	memcpy(q->host, host, strlen(host));
	(void)snprintf(q->port, sizeof(q->port), "%u", port);
	return find_addresses(q, deadline_ms, e);
}

struct attempts {
	const struct addrinfo *addresses[ADDRESSES_MAX];
	struct pollfd fds[ADDRESSES_MAX]; /* fd is -1 where an attempt has failed */
	size_t count;
	size_t started;
	size_t open;
	uint64_t next_ms; /* when the next attempt starts, even if others are still in progress */
	int error;	  /* errno of the last failed attempt */
};

/* Keeps the resolver's order, but alternates IPv6 and IPv4 as long as there are both. */
static void
order_addresses(struct attempts *a, const struct addrinfo *list)
{
	const struct addrinfo *first = list;
	const struct addrinfo *other = list;

	while (a->count < ADDRESSES_MAX && (first != NULL || other != NULL)) {
		while (first != NULL && first->ai_family != list->ai_family)
			first = first->ai_next;
		while (other != NULL && other->ai_family == list->ai_family)
			other = other->ai_next;
		if (first != NULL) {
			a->addresses[a->count++] = first;
			first = first->ai_next;
		}
		if (other != NULL && a->count < ADDRESSES_MAX) {
			a->addresses[a->count++] = other;
			other = other->ai_next;
		}
	}
}

static void
start_attempt(struct attempts *a)
{
	const struct addrinfo *address = a->addresses[a->started];
	const int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM, IPPROTO_TCP);

	a->next_ms = clock_monotonic_ms() + NEXT_ADDRESS_MS;
	a->fds[a->started] = (struct pollfd){.fd = -1, .events = POLLOUT};
	if (fd < 0) {
		a->error = errno;
		a->started++;
		return;
	}
	(void)fd_set_private(fd);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (!fd_set_nonblocking(fd) ||
	    (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)) {
		a->error = errno;
		(void)close(fd);
	} else {
		a->fds[a->started].fd = fd;
		a->open++;
	}
	a->started++;
}

/* Returns the first connected socket, or -1. */
static int
take_connected(struct attempts *a)
{
	for (size_t i = 0; i < a->started; i++) {
		socklen_t len = sizeof(a->error);
		int fd = a->fds[i].fd;
		int error = 0;

		if (fd < 0 || a->fds[i].revents == 0)
			continue;
		a->fds[i].fd = -1;
		a->open--;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
			return fd;
		a->error = error != 0 ? error : errno;
		(void)close(fd);
	}
	return -1;
}

/* Returns a connected socket, or -1 with a->error: 0 on timeout, else the errno of the last
 * attempt. */
static int
connect_one(struct attempts *a, uint64_t deadline_ms)
{
	int fd = -1;

	while (fd < 0 && (a->open > 0 || a->started < a->count)) {
		uint64_t now_ms = clock_monotonic_ms();

		if (now_ms >= deadline_ms) {
			a->error = 0;
			break;
		}
		if (a->started < a->count && (a->open == 0 || now_ms >= a->next_ms)) {
			start_attempt(a);
			continue;
		}
		bool has_next = a->started < a->count && a->next_ms < deadline_ms;
		if (poll(a->fds, (nfds_t)a->started,
			 milliseconds_until(has_next ? a->next_ms : deadline_ms)) > 0)
			fd = take_connected(a);
	}
	for (size_t i = 0; i < a->started; i++)
		fd_close(a->fds[i].fd);
	return fd;
}

int
dial_tcp(const char *host, uint16_t port, uint64_t deadline_ms, struct err *e)
{
	struct addrinfo *list = resolve(host, port, deadline_ms, e);
	struct attempts a = {.count = 0};
	int fd;

	if (list == NULL)
		return -1;
	order_addresses(&a, list);
	fd = connect_one(&a, deadline_ms);
	freeaddrinfo(list);
	if (fd < 0 && a.error == 0)
		err_set(e, ERR_TIMEOUT, "%s: no connection in time", host);
	else if (fd < 0)
		err_set(e, ERR_CONNECT, "%s, port %u: %s", host, port, strerror(a.error));
	return fd;
}
