/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries 127.0.0.1 first, then ::1. Reads a response up to the status line of the final one, after
 * interim responses. Does not follow redirects.
 */
#include "proxy/upstream/ide_check.h"

#include <stdio.h>
#include <stdlib.h>

#include "proxy/conn/conn_read.h"

#define HEADS_MAX 16384u /* bytes of interim responses and of the final status line */

struct ide_check {
	struct conn conn;
	struct loop_timer deadline;
	const struct health_check *check;
	ide_check_fn *done;
	void *arg;
	bool tries_ipv6;
	struct err failure; /* of connecting to 127.0.0.1 */
	struct buf received;
};

static void finish(struct ide_check *c, unsigned status, const char *format, ...) PRINTF_LIKE(3, 4);

static void
finish(struct ide_check *c, unsigned status, const char *format, ...)
{
	ide_check_fn *done = c->done;
	void *arg = c->arg;
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ide_check_cancel(c);
	done(status, str_from(text), arg);
}

static bool
connect_to(struct ide_check *c, const char *host, struct err *e)
{
	struct address address;

	return address_from_host(&address, str_from(host), c->check->port, e) &&
	       conn_connect(&c->conn, &address, NULL, e);
}

/* Also reports, from the event loop, that no connection could be started. */
static void
on_deadline(void *arg)
{
	struct ide_check *c = arg;

	if (!conn_is_usable(&c->conn))
		finish(c, 503, "the IDE does not accept connections at port %u: %s\n",
		       c->check->port, c->failure.text);
	else
		finish(c, 504, "the IDE did not answer within %u s\n", c->check->timeout_s);
}

static void
begin(struct ide_check *c)
{
	bool is_under_way = !c->tries_ipv6 && connect_to(c, "127.0.0.1", &c->failure);
	struct err ignored = ERR_INIT;

	if (!is_under_way) {
		c->tries_ipv6 = true;
		is_under_way = connect_to(c, "::1", &ignored);
	}
	if (!is_under_way)
		loop_timer_start(&c->deadline, 0);
}

static void
on_failed(const struct err *e, void *arg)
{
	struct ide_check *c = arg;
	bool was_open = c->conn.sent_bytes > 0;

	if (!c->tries_ipv6)
		c->failure = *e;
	conn_close(&c->conn);
	if (was_open) {
		finish(c, 503, "the IDE closed the connection: %s\n", e->text);
	} else if (!c->tries_ipv6) {
		c->tries_ipv6 = true;
		begin(c);
	} else {
		loop_timer_start(&c->deadline, 0);
	}
}

static void
on_open(void *arg)
{
	struct ide_check *c = arg;
	char host[32];

	if (c->check->path.len == 0) {
		finish(c, 200, "the IDE accepts connections\n");
		return;
	}
	(void)snprintf(host, sizeof(host), "%s:%u", c->tries_ipv6 ? "[::1]" : "127.0.0.1",
		       c->check->port);
	buf_addf(conn_out(&c->conn),
		 "GET %.*s HTTP/1.1\r\nHost: %s\r\nUser-Agent: kube-probe/workspace-proxy\r\n"
		 "Accept: */*\r\nConnection: close\r\n\r\n",
		 STR_FMT(c->check->path), host);
	conn_flush(&c->conn);
	conn_want_read(&c->conn, true);
}

/* Returns whether the received bytes contain the final status; *status is 0 if they are not HTTP.
 */
static bool
read_status(struct str received, uint64_t *status)
{
	for (;;) {
		size_t end = str_find_byte(received, '\n');
		struct str digits = str_take(str_skip(received, strlen("HTTP/1.1 ")), 3);

		if (end == SIZE_MAX)
			return false;
		if (!str_starts_with(received, STR("HTTP/1.")) ||
		    !str_to_u64(digits, 100, 599, status)) {
			*status = 0;
			return true;
		}
		if (*status >= 200 || *status == 101)
			return true;
		end = str_find(received, STR("\r\n\r\n"));
		if (end == SIZE_MAX)
			return false;
		received = str_skip(received, end + 4);
	}
}

static void
decide(struct ide_check *c, unsigned status)
{
	if (status == 0)
		finish(c, 503, "the IDE's answer is not HTTP/1.1\n");
	else
		finish(c, status >= 200 && status < 400 ? 200 : 503, "the IDE answered %u\n",
		       status);
}

static void
on_readable(void *arg)
{
	struct ide_check *c = arg;
	struct err e = ERR_INIT;
	char bytes[2048];
	size_t got = 0;
	uint64_t status;

	switch (conn_read(&c->conn, bytes, sizeof(bytes), &got, &e)) {
	case CONN_READ_AGAIN:
		return;
	case CONN_READ_END:
		finish(c, 503, "the IDE closed the connection without an answer\n");
		return;
	case CONN_READ_FAILED:
		finish(c, 503, "the IDE closed the connection: %s\n", e.text);
		return;
	case CONN_READ_SOME:
		break;
	}
	if (!buf_add_str(&c->received, (struct str){bytes, got}))
		decide(c, 0);
	else if (read_status(buf_view(&c->received), &status))
		decide(c, (unsigned)status);
}

static const struct conn_ops ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_failed = on_failed,
};

struct ide_check *
ide_check_new(struct loop *l, const struct health_check *check, ide_check_fn *done, void *arg)
{
	struct ide_check *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->check = check;
	c->done = done;
	c->arg = arg;
	buf_init(&c->received, HEADS_MAX);
	conn_init(&c->conn, l, &ops, c);
	loop_timer_init(&c->deadline, l, on_deadline, c);
	loop_timer_start(&c->deadline, (uint64_t)check->timeout_s * 1000);
	begin(c);
	return c;
}

void
ide_check_cancel(struct ide_check *c)
{
	loop_timer_fini(&c->deadline);
	conn_close(&c->conn);
	buf_fini(&c->received);
	free(c);
}
