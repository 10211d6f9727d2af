/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that is far away: passes connections on as a line with a round trip time and a rate
 * would. Each byte waits until the line is free and then for half a round trip; what a client sends
 * waits for the handshake first, which costs a round trip. The line is shared by all connections,
 * in each direction, and holds a router's buffer. TCP's slow start is not part of it.
 *
 *	distance PORT TARGET_PORT ROUND_TRIP_MS MBIT_PER_S
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ENDS_MAX    1024
#define PIECE_BYTES 8192
/* Of bytes that wait for the line to be free; routers hold about that much. */
#define BUFFER_US 25000u
/* Of bytes for one receiver, which would have to stop reading for this. */
#define QUEUE_MAX (1u << 20)

struct piece {
	struct piece *next;
	uint64_t due_us;
	size_t len; /* 0: the end of the stream */
	size_t at;
	char data[PIECE_BYTES];
};

struct end {
	int fd; /* -1: unused */
	struct end *other;
	unsigned line; /* that leads away from this end */
	uint64_t opens_us;
	bool saw_end;
	struct piece *first; /* to be sent to this end */
	struct piece *last;
	size_t queued;
};

static struct end ends[ENDS_MAX];
static uint64_t line_free_us[2];
static size_t last_reader[2]; /* of each line: an index into ends */
static uint64_t round_trip_us;
static double us_per_byte;

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void
close_end(struct end *e)
{
	while (e->first != NULL) {
		struct piece *next = e->first->next;
		free(e->first);
		e->first = next;
	}
	close(e->fd);
	e->fd = -1;
}

static void
close_pair(struct end *e)
{
	close_end(e->other);
	close_end(e);
}

static struct end *
new_end(int fd, unsigned line, uint64_t opens_us)
{
	int one = 1;

	for (size_t i = 0; fd >= 0 && i < ENDS_MAX; i++)
		if (ends[i].fd < 0) {
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
			(void)fcntl(fd, F_SETFL, O_NONBLOCK);
			ends[i] = (struct end){.fd = fd, .line = line, .opens_us = opens_us};
			return &ends[i];
		}
	return NULL;
}

static void
accept_pair(int listener, const struct sockaddr_in *target)
{
	int from = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (from < 0 || to < 0 ||
	    connect(to, (const struct sockaddr *)target, sizeof(*target)) != 0) {
		close(from);
		close(to);
		return;
	}
	struct end *client = new_end(from, 0, now_us() + round_trip_us);
	struct end *server = new_end(to, 1, 0);
	if (client == NULL || server == NULL) {
		(void)fputs("distance: too many connections\n", stderr);
		exit(1);
	}
	client->other = server;
	server->other = client;
}

/* When a piece that is put on the line now arrives. */
static uint64_t
occupy_line(unsigned line, size_t len, uint64_t now)
{
	uint64_t start = line_free_us[line] > now ? line_free_us[line] : now;

	line_free_us[line] = start + (uint64_t)((double)len * us_per_byte);
	return line_free_us[line] + round_trip_us / 2;
}

static bool
line_has_room(unsigned line, uint64_t now)
{
	return line_free_us[line] < now + BUFFER_US;
}

/* Whether bytes from this end may go onto the line. */
static bool
may_read(const struct end *e, uint64_t now)
{
	return e->fd >= 0 && !e->saw_end && now >= e->opens_us && e->other->queued < QUEUE_MAX &&
	       line_has_room(e->line, now);
}

/* False: the connection failed. */
static bool
receive(struct end *e, uint64_t now)
{
	struct end *to = e->other;
	struct piece *p = malloc(sizeof(*p));

	if (p == NULL)
		abort();
	ssize_t n = recv(e->fd, p->data, sizeof(p->data), 0);
	if (n < 0) {
		free(p);
		return errno == EAGAIN || errno == EINTR;
	}
	p->next = NULL;
	p->len = (size_t)n;
	p->at = 0;
	p->due_us = occupy_line(e->line, p->len, now);
	e->saw_end = n == 0;
	last_reader[e->line] = (size_t)(e - ends);
	if (to->first == NULL)
		to->first = p;
	else
		to->last->next = p;
	to->last = p;
	to->queued += p->len;
	return true;
}

/* False: the connection failed, or both directions have ended. */
static bool
deliver(struct end *e, uint64_t now)
{
	while (e->first != NULL && e->first->due_us <= now) {
		struct piece *p = e->first;
		ssize_t n = 0;

		if (p->len == 0 && (shutdown(e->fd, SHUT_WR) != 0 || e->saw_end))
			return false;
		if (p->len > 0)
			n = send(e->fd, p->data + p->at, p->len - p->at, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		p->at += (size_t)n;
		e->queued -= (size_t)n;
		if (p->at < p->len)
			return true;
		e->first = p->next;
		free(p);
	}
	return true;
}

/* The next time at which something may be delivered or read that may not be now. */
static uint64_t
next_event(uint64_t now)
{
	uint64_t next = now + 1000000u;

	for (size_t i = 0; i < ENDS_MAX; i++) {
		const struct end *e = &ends[i];

		if (e->fd < 0)
			continue;
		if (e->first != NULL && e->first->due_us > now && e->first->due_us < next)
			next = e->first->due_us;
		if (e->opens_us > now && e->opens_us < next)
			next = e->opens_us;
	}
	for (unsigned line = 0; line < 2; line++)
		if (!line_has_room(line, now) && line_free_us[line] - BUFFER_US < next)
			next = line_free_us[line] - BUFFER_US + 1;
	return next;
}

static void
wait_for_events(int listener, uint64_t now)
{
	static struct pollfd fds[ENDS_MAX + 1];
	nfds_t count = 1;
	uint64_t us = next_event(now) - now;
	struct timespec timeout = {.tv_sec = (time_t)(us / 1000000u),
				   .tv_nsec = (long)(us % 1000000u) * 1000};

	fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (size_t i = 0; i < ENDS_MAX; i++) {
		short events = may_read(&ends[i], now) ? POLLIN : 0;

		if (ends[i].fd >= 0 && ends[i].first != NULL && ends[i].first->due_us <= now)
			events |= POLLOUT;
		if (events != 0)
			fds[count++] = (struct pollfd){.fd = ends[i].fd, .events = events};
	}
	(void)ppoll(fds, count, &timeout, NULL);
}

/* Begins behind the end that was read last, so that all connections get their share of the line. */
static void
fill_line(unsigned line, uint64_t now)
{
	size_t begin = last_reader[line] + 1;

	for (size_t i = 0; i < ENDS_MAX; i++) {
		struct end *e = &ends[(begin + i) % ENDS_MAX];

		if (e->line == line && may_read(e, now) && !receive(e, now))
			close_pair(e);
	}
}

static void
move_bytes(uint64_t now)
{
	for (size_t i = 0; i < ENDS_MAX; i++)
		if (ends[i].fd >= 0 && !deliver(&ends[i], now))
			close_pair(&ends[i]);
	for (unsigned line = 0; line < 2; line++)
		fill_line(line, now);
}

static struct sockaddr_in
loopback(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int
main(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (argc != 5) {
		(void)fputs("distance PORT TARGET_PORT ROUND_TRIP_MS MBIT_PER_S\n", stderr);
		return 2;
	}
	struct sockaddr_in here = loopback(argv[1]);
	struct sockaddr_in target = loopback(argv[2]);
	round_trip_us = strtoul(argv[3], NULL, 10) * 1000u;
	us_per_byte = 8 / strtod(argv[4], NULL);
	for (size_t i = 0; i < ENDS_MAX; i++)
		ends[i].fd = -1;
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)&here, sizeof(here)) != 0 ||
	    listen(listener, 512) != 0) {
		perror("distance");
		return 1;
	}
	for (;;) {
		accept_pair(listener, &target);
		move_bytes(now_us());
		wait_for_events(listener, now_us());
	}
}
