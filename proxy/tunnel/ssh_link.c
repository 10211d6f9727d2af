/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer is gathered in a bounded buffer; what follows it in the same read is SSH already.
 */
#include "proxy/tunnel/ssh_link.h"

#include <stdlib.h>

#include "proxy/conn/conn_read.h"

struct ssh_link {
	struct deferred_free_entry deferred_free;
	struct deferred_free_queue *deferred_frees;
	const struct ssh_link_handler *handler;
	void *arg;
	struct conn conn;
	struct loop_timer timer;
	struct buf answer; /* incomplete */
	bool is_connect;
	bool has_answer;
	bool is_over; /* freed, or the handler was told of the end */
};

static void
fail(struct ssh_link *link, const struct err *e)
{
	link->is_over = true;
	loop_timer_stop(&link->timer);
	conn_want_read(&link->conn, false);
	link->handler->on_failed(e, link->arg);
}

static void
fail_with(struct ssh_link *link, enum err_code code, const char *sentence)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", sentence);
	fail(link, &e);
}

static void
on_conn_failed(const struct err *e, void *arg)
{
	struct ssh_link *link = arg;

	if (link->is_over)
		return;
	if (link->has_answer)
		fail(link, e);
	else
		fail_with(link, ERR_CONNECT, SSH_LINK_NO_HELPER);
}

static void
on_timer(void *arg)
{
	fail_with(arg, ERR_TIMEOUT, SSH_LINK_LATE_ANSWER);
}

/* Returns the bytes used: up to the end of the line. */
static size_t
take_answer(struct ssh_link *link, struct str data)
{
	size_t end = str_find_byte(data, '\n');
	struct ssh_answer answer;
	size_t used = end == SIZE_MAX ? data.len : end + 1;

	if (!buf_add_str(&link->answer, str_take(data, end))) {
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
		return used;
	}
	if (end == SIZE_MAX)
		return used;
	if (!ssh_answer_parse(buf_view(&link->answer), &answer, NULL)) {
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
		return used;
	}
	link->has_answer = true;
	loop_timer_stop(&link->timer);
	link->handler->on_answer(&answer, link->arg);
	return used;
}

static void
on_end(struct ssh_link *link)
{
	if (!link->has_answer) {
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
		return;
	}
	link->is_over = true;
	conn_want_read(&link->conn, false);
	link->handler->on_end(link->arg);
}

static void
take_bytes(struct ssh_link *link, char *data, size_t len)
{
	size_t used = 0;

	if (!link->has_answer)
		used = take_answer(link, (struct str){data, len});
	if (link->is_over || used == len)
		return;
	if (!link->is_connect)
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
	else
		link->handler->on_bytes(data + used, len - used, link->arg);
}

static void
on_readable(void *arg)
{
	struct ssh_link *link = arg;
	char *data = loop_scratch(link->conn.loop) + SSH_LINK_HEADROOM;
	struct err e = ERR_INIT;
	size_t got = 0;

	for (size_t total = 0; total < CONN_READ_ROUND && !link->is_over && link->conn.reading;
	     total += got) {
		enum conn_read_result result =
			conn_read(&link->conn, data, SSH_LINK_BYTES_MAX, &got, &e);
		if (result == CONN_READ_AGAIN)
			break;
		if (result == CONN_READ_END) {
			on_end(link);
			return;
		}
		if (result == CONN_READ_FAILED) {
			on_conn_failed(&e, link);
			return;
		}
		take_bytes(link, data, got);
		if (!link->conn.may_hold_bytes)
			break;
	}
	if (!link->is_over && link->has_answer)
		link->handler->on_round(link->arg);
}

static void
on_open(void *arg)
{
	(void)arg;
}

static void
on_drained(void *arg)
{
	struct ssh_link *link = arg;

	if (!link->is_over && link->has_answer)
		link->handler->on_drained(link->arg);
}

static const struct conn_ops conn_ops = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_conn_failed,
};

static bool
start(struct ssh_link *link, const struct address *helper, const struct ssh_request *request,
      struct err *e)
{
	if (!conn_connect(&link->conn, helper, e))
		return err_set(e, ERR_CONNECT, SSH_LINK_NO_HELPER);
	if (!ssh_request_write(request, conn_out(&link->conn)))
		return err_set(e, ERR_MEMORY, "request to the SSH helper");
	conn_want_read(&link->conn, true);
	conn_flush(&link->conn);
	loop_timer_start(&link->timer, SSH_LINK_ANSWER_MS);
	return true;
}

struct ssh_link *
ssh_link_new(struct loop *l, struct deferred_free_queue *deferred_frees,
	     const struct address *helper, const struct ssh_request *request,
	     const struct ssh_link_handler *handler, void *arg, struct err *e)
{
	struct ssh_link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		err_set(e, ERR_MEMORY, "SSH tunnel");
		return NULL;
	}
	link->deferred_frees = deferred_frees;
	link->handler = handler;
	link->arg = arg;
	link->is_connect = request->is_connect;
	buf_init(&link->answer, SSH_MESSAGE_MAX);
	conn_init(&link->conn, l, &conn_ops, link);
	loop_timer_init(&link->timer, l, on_timer, link);
	if (!start(link, helper, request, e)) {
		ssh_link_free(link);
		return NULL;
	}
	return link;
}

static void
free_link(struct deferred_free_entry *entry)
{
	struct ssh_link *link = (struct ssh_link *)(void *)entry; /* its first member */

	buf_fini(&link->answer);
	free(link);
}

void
ssh_link_free(struct ssh_link *link)
{
	if (link == NULL)
		return;
	link->is_over = true;
	loop_timer_fini(&link->timer);
	conn_close(&link->conn);
	deferred_free_add(link->deferred_frees, &link->deferred_free, free_link);
}

void
ssh_link_send(struct ssh_link *link, struct str data)
{
	conn_send(&link->conn, data);
}

bool
ssh_link_is_blocked(const struct ssh_link *link)
{
	return conn_is_blocked(&link->conn);
}

void
ssh_link_want_read(struct ssh_link *link, bool wanted)
{
	if (!wanted)
		conn_read_shrink(&link->conn);
	conn_want_read(&link->conn, wanted);
}
