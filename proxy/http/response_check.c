/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expected Sec-WebSocket-Accept is computed once, with the request.
 */
#include "proxy/http/response_check.h"

void
response_check_init(struct response_check *check, const struct request_head *r, bool asks_upgrade)
{
	struct str key;

	*check = (struct response_check){.interim_count = 0};
	check->asks_upgrade = asks_upgrade &&
			      headers_find(&r->headers, HEADER_SEC_WEBSOCKET_KEY, &key) > 0 &&
			      websocket_accept(key, check->accept);
}

bool
response_check_head(struct response_check *check, const struct response_head *head, struct err *e)
{
	struct str accept;

	if (head->status < 200 && head->status != 101 &&
	    ++check->interim_count > RESPONSE_CHECK_INTERIM_MAX)
		return err_set(e, ERR_PROTOCOL, "too many interim responses");
	if (head->status != 101)
		return true;
	if (!check->asks_upgrade || !head->upgrades)
		return err_set(e, ERR_PROTOCOL, "unexpected status 101");
	if (headers_find(&head->headers, HEADER_SEC_WEBSOCKET_ACCEPT, &accept) != 1 ||
	    !str_equal(accept, (struct str){check->accept, sizeof(check->accept)}))
		return err_set(e, ERR_PROTOCOL, "missing or wrong Sec-WebSocket-Accept");
	return true;
}
