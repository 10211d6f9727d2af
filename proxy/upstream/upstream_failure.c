/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines and failures of connections, which are reported to the user of the connection.
 */
#include "proxy/upstream/upstream_private.h"

void
upstream_touch(struct upstream_conn *c)
{
	const struct upstream_options *options = &c->upstream->options;

	if (c->conn.state == CONN_CONNECTING || c->conn.state == CONN_HANDSHAKING)
		return;
	loop_timer_start(&c->timer, c->state == UPSTREAM_HEAD ? options->response_timeout_ms
							      : options->stream_timeout_ms);
}

void
upstream_fail(struct upstream_conn *c, enum upstream_failure failure, const struct err *e)
{
	const struct upstream_handler *handler = c->handler;
	void *arg = c->arg;

	if (handler == NULL)
		upstream_remove_idle(c);
	if (handler == NULL || c->state == UPSTREAM_CLOSED) {
		upstream_discard(c);
		return;
	}
	c->state = UPSTREAM_CLOSED;
	conn_want_read(&c->conn, false);
	handler->on_failed(failure, e, arg);
}

void
upstream_fail_with(struct upstream_conn *c, enum upstream_failure failure, enum err_code code,
		   const char *message)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", message);
	upstream_fail(c, failure, &e);
}

void
upstream_fail_as_broken(struct upstream_conn *c, const struct err *e)
{
	if (c->state == UPSTREAM_BODY || c->state == UPSTREAM_TUNNEL)
		upstream_fail(c, UPSTREAM_BROKEN, e);
	else if (c->is_reused && !c->has_received)
		upstream_fail(c, UPSTREAM_STALE, e);
	else
		upstream_fail(c, UPSTREAM_BAD_ANSWER, e);
}

/* Whether the browser has to act first, which has its own timeouts: it has to send more of the
 * request's body, or reading is paused until it takes more of the response. */
static bool
waits_for_browser(const struct upstream_conn *c)
{
	bool is_uploading = c->state == UPSTREAM_HEAD && !c->request_ended && !c->awaits_100;

	return (is_uploading && !conn_is_blocked(&c->conn)) || (!c->conn.reading && !c->has_ended);
}

void
upstream_on_timer(void *arg)
{
	struct upstream_conn *c = arg;

	if (c->state == UPSTREAM_IDLE) {
		upstream_remove_idle(c);
		upstream_discard(c);
	} else if (c->conn.state == CONN_CONNECTING) {
		probe_note(&c->upstream->probe, c->address_index, false);
		upstream_fail_with(c, UPSTREAM_UNREACHABLE, ERR_TIMEOUT, "connect: timed out");
	} else if (c->conn.state == CONN_HANDSHAKING) {
		probe_note(&c->upstream->probe, c->address_index, false);
		upstream_fail_with(c, UPSTREAM_TIMEOUT, ERR_TIMEOUT, "TLS handshake: timed out");
	} else if (waits_for_browser(c)) {
		upstream_touch(c);
	} else if (c->state == UPSTREAM_HEAD) {
		upstream_fail_with(c, UPSTREAM_TIMEOUT, ERR_TIMEOUT,
				   "no response head within UPSTREAM_RESPONSE_TIMEOUT");
	} else {
		upstream_fail_with(c, UPSTREAM_BROKEN, ERR_TIMEOUT,
				   "no data within STREAM_IDLE_TIMEOUT");
	}
}
