/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the answer in a bounded buffer. Bytes after the answer in the same read belong to SSH.
 */
#include "proxy/ssh/ssh_link.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/conn/conn_read.h"

struct ssh_link {
	struct deferred_free_entry deferred_free;
	struct deferred_free_queue *deferred_frees;
	const struct ssh_server *server;
	const struct ssh_link_handler *handler;
	void *arg;
	struct conn conn;
	struct loop_timer timer;
	struct buf answer; /* received so far */
	bool is_connect;   /* an SSH connection follows the answer */
	bool has_answer;
	bool is_over; /* freed, or on_end or on_failed was called */
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

/* Fails with the message for the kind of server. */
static void
fail_by_server(struct ssh_link *link, enum err_code code, const char *helper, const char *sshd)
{
	fail_with(link, code, link->server->is_sshd ? sshd : helper);
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
		fail_by_server(link, ERR_CONNECT, SSH_LINK_NO_HELPER, SSH_LINK_NO_SSHD);
}

static void
on_timer(void *arg)
{
	struct ssh_link *link = arg;

	fail_by_server(link, ERR_TIMEOUT,
		       link->has_answer ? SSH_LINK_LATE_SSHD : SSH_LINK_LATE_ANSWER,
		       SSH_LINK_LATE_SSHD);
}

/* Consumes data up to the end of the answer's line. Returns the number of bytes consumed. */
static size_t
take_answer(struct ssh_link *link, struct str data)
{
	size_t end = str_find_byte(data, '\n');
	struct ssh_answer answer;
	size_t used = end == SIZE_MAX ? data.len : end + 1;

	if (!buf_add_str(&link->answer, str_take(data, end)) ||
	    (end != SIZE_MAX && !ssh_answer_parse(buf_view(&link->answer), &answer, NULL))) {
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
		return used;
	}
	if (end == SIZE_MAX)
		return used;
	link->has_answer = true;
	if (link->is_connect && answer.is_ok)
		loop_timer_start(&link->timer, SSH_LINK_GREETING_MS);
	else
		loop_timer_stop(&link->timer);
	link->handler->on_answer(&answer, link->arg);
	return used;
}

/* Checks the identification string that sshd sends first (RFC 4253 section 4.2). It belongs to the
 * SSH connection. Returns the number of bytes consumed. */
static size_t
take_greeting(struct ssh_link *link, struct str data)
{
	if (!str_equal(str_take(data, 4), str_take(STR("SSH-"), data.len))) {
		fail_with(link, ERR_PROTOCOL, SSH_LINK_NOT_SSHD);
		return data.len;
	}
	link->has_answer = true;
	loop_timer_stop(&link->timer);
	link->handler->on_answer(&link->server->answer, link->arg);
	return link->is_connect ? 0 : data.len;
}

static void
on_end(struct ssh_link *link)
{
	if (!link->has_answer) {
		fail_by_server(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER, SSH_LINK_NOT_SSHD);
		return;
	}
	link->is_over = true;
	conn_want_read(&link->conn, false);
	link->handler->on_end(link->arg);
}

static void
pass_bytes(struct ssh_link *link, char *data, size_t len)
{
	loop_timer_stop(&link->timer); /* sshd has sent its first bytes */
	link->handler->on_bytes(data, len, link->arg);
}

static void
take_bytes(struct ssh_link *link, char *data, size_t len)
{
	size_t used = 0;

	if (!link->has_answer && link->server->is_sshd)
		used = take_greeting(link, (struct str){data, len});
	else if (!link->has_answer)
		used = take_answer(link, (struct str){data, len});
	if (link->is_over || used == len)
		return;
	if (!link->is_connect)
		fail_with(link, ERR_PROTOCOL, SSH_LINK_BAD_ANSWER);
	else
		pass_bytes(link, data + used, len - used);
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
		link->handler->on_read_done(link->arg);
}

static void
on_drained(void *arg)
{
	struct ssh_link *link = arg;

	if (!link->is_over && link->has_answer)
		link->handler->on_drained(link->arg);
}

static const struct conn_ops conn_ops = {
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_failed = on_conn_failed,
};

/* Whether the listening process may be that of the workspace: it runs as our user, as the
 * configured one, or as the owner of the socket's directory. If others may create files in the
 * directory, any user is accepted. */
static bool
is_trusted_peer(const struct ssh_link *link)
{
	const struct sockaddr_un *sun = (const void *)&link->server->address->sa;
	char path[sizeof(sun->sun_path) + 1] = "";
	socklen_t size = sizeof(struct ucred);
	struct ucred peer;
	struct stat st;

	if (getsockopt(link->conn.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	if (peer.uid == geteuid() || peer.uid == link->server->uid)
		return true;
	memcpy(path, sun->sun_path, sizeof(sun->sun_path));
	return stat(dirname(path), &st) == 0 &&
	       (peer.uid == st.st_uid || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0);
}

static bool
start(struct ssh_link *link, const struct ssh_request *request, struct err *e)
{
	bool is_sshd = link->server->is_sshd;

	if (!conn_connect(&link->conn, link->server->address, NULL, e))
		return err_set(e, ERR_CONNECT, is_sshd ? SSH_LINK_NO_SSHD : SSH_LINK_NO_HELPER);
	if (!is_sshd && !is_trusted_peer(link))
		return err_set(e, ERR_DENIED, SSH_LINK_WRONG_USER);
	if (!is_sshd && !ssh_request_write(request, conn_out(&link->conn)))
		return err_set(e, ERR_MEMORY, "request to the SSH helper");
	conn_want_read(&link->conn, true);
	conn_flush(&link->conn);
	loop_timer_start(&link->timer, SSH_LINK_ANSWER_MS);
	return true;
}

struct ssh_link *
ssh_link_new(struct loop *l, struct deferred_free_queue *deferred_frees,
	     const struct ssh_server *server, const struct ssh_request *request,
	     const struct ssh_link_handler *handler, void *arg, struct err *e)
{
	struct ssh_link *link = err_alloc(e, sizeof(*link), "SSH tunnel");

	if (link == NULL)
		return NULL;
	link->deferred_frees = deferred_frees;
	link->server = server;
	link->handler = handler;
	link->arg = arg;
	link->is_connect = request->is_connect;
	buf_init(&link->answer, SSH_MESSAGE_MAX);
	conn_init(&link->conn, l, &conn_ops, link);
	loop_timer_init(&link->timer, l, on_timer, link);
	if (!start(link, request, e)) {
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
