/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends exchanges early: WebSockets and other requests of a session that has ended, and long-lived
 * ones when the process drains.
 */
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/exchange_ssh.h"
#include "proxy/exchange/log_stream.h"
#include "proxy/exchange/response/reply.h"

void
exchange_close(struct exchange *x, unsigned close_code)
{
	if (x->state == EXCHANGE_TUNNEL) {
		exchange_close_tunnel(x, close_code);
	} else if (x->state == EXCHANGE_SSH) {
		exchange_ssh_close(x, close_code);
	} else if (x->log_stream != NULL && !log_stream_follows(x->log_stream)) {
		/* The response ends by itself; if it is cut short, the client must notice. */
		if (close_code != WEBSOCKET_GOING_AWAY)
			exchange_abort(x);
	} else if (x->state == EXCHANGE_EVENTS) {
		x->stream->ops->send_end(x->stream, NULL);
		exchange_finish(x);
	}
}

/* Discards the pending response, which must not reach a user who is signed out. */
static void
cancel_forwarding(struct exchange *x)
{
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_problem(x, 401, AUTH_PROBLEM_LOGIN_REQUIRED);
}

static void
on_session_ended(enum auth_end reason, void *arg)
{
	static const char *const reasons[] = {
		[AUTH_END_SIGNED_OUT] = "signed out",
		[AUTH_END_EXPIRED] = "expired",
		[AUTH_END_REFUSED] = "refused",
		[AUTH_END_UNSHARED] = "no longer shared",
	};
	struct exchange *x = arg;

	log_info(&x->log, "session ended while in use", log_cstr("reason", reasons[reason]));
	if (x->state == EXCHANGE_TUNNEL || x->state == EXCHANGE_EVENTS || x->state == EXCHANGE_SSH)
		exchange_close(x, WEBSOCKET_POLICY_VIOLATION);
	else if (x->state == EXCHANGE_RESPONSE)
		exchange_abort(x);
	else if (x->state == EXCHANGE_FORWARD)
		cancel_forwarding(x);
}

void
exchange_watch_session(struct exchange *x)
{
	x->watch.device = x->verdict.device;
	if (x->verdict.session != NULL)
		auth_watch_start(&x->watch, x->verdict.session, on_session_ended, x);
	else
		auth_watch_start_public(&x->watch, x->proxy->auth, x->route.port, on_session_ended,
					x);
}
