/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends exchanges whose session has ended or could not be confirmed in time, or whose port is no
 * longer public: WebSockets and other long-lived ones, and requests that the upstream has not
 * answered yet.
 */
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"

/* Discards the pending response, which must not reach a user who is signed out. */
static void
cancel_forwarding(struct exchange *x)
{
	upstream_release(x->upstream);
	x->upstream = NULL;
	reply_verdict(x);
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
	bool is_unconfirmed = reason == AUTH_END_UNCONFIRMED;

	auth_verdict_ended(x->proxy->auth, &x->verdict, reason);
	if (is_unconfirmed)
		log_info(&x->log, "access could not be confirmed");
	else
		log_info(&x->log, "session ended while in use",
			 log_cstr("reason", reasons[reason]));
	if (x->part != NULL)
		exchange_close(x, is_unconfirmed ? WEBSOCKET_TRY_AGAIN_LATER
						 : WEBSOCKET_POLICY_VIOLATION);
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
