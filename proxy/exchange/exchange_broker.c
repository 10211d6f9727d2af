/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's token endpoint. Requests and responses are sealed; every request that is sealed with
 * the key of a workspace gets status 200.
 */
#include "proxy/exchange/exchange_private.h"
#include "proxy/exchange/response/reply.h"

_Static_assert(BROKER_BODY_MAX <= AUTH_BODY_MAX, "a form takes a whole request");

static void
send_answer(struct exchange *x, const struct broker_reply *reply)
{
	if (reply->status == 200)
		reply_body(x, 200, "application/octet-stream", buf_view(&reply->body));
	else
		reply_status(x, reply->status);
}

static void
on_done(const struct broker_reply *reply, void *arg)
{
	struct exchange *x = arg;

	x->broker_call = NULL;
	send_answer(x, reply);
	exchange_on_round(x);
}

void
exchange_ask_broker(struct exchange *x)
{
	struct broker_reply reply;

	if (!str_equal(x->request.method, STR("POST"))) {
		reply_wrong_method(x, "POST");
		return;
	}
	x->broker_call =
		broker_start(x->proxy->broker, buf_view(&x->form), &x->log, &reply, on_done, x);
	if (x->broker_call != NULL)
		return;
	send_answer(x, &reply);
	buf_fini(&reply.body);
}
