/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends for all streams of a connection: their output together, at the end of an event or of an
 * iteration of the loop.
 */
#include "proxy/downstream/http2/http2_connection_private.h"
#include "proxy/downstream/http2/http2_connection_timer.h"

#define LARGE 16384u /* writes of this size are not gathered */

void
http2_connection_fail(struct http2_connection *c)
{
	c->has_failed = true;
	http2_connection_settle_later(c);
}

void
http2_connection_settle_later(struct http2_connection *c)
{
	if (!c->is_receiving && !c->is_stopped)
		loop_defer_call(&c->settle);
}

static void
send_gathered(struct conn *conn)
{
	conn_flush(conn);
	if (!conn_is_blocked(conn))
		conn_trim(conn);
}

void
http2_connection_send_large(struct http2_connection *c)
{
	struct conn *conn = &c->downstream->conn;

	if (conn_out(conn)->len >= LARGE)
		send_gathered(conn);
}

void
http2_connection_flush(struct http2_connection *c)
{
	if (!http2_pump(c->codec))
		http2_connection_fail(c);
	send_gathered(&c->downstream->conn);
	http2_timer_note_connection(c);
}
