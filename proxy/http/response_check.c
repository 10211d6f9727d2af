/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes the expected Sec-WebSocket-Accept once, with the request.
 */
#include "proxy/http/response_check.h"

#include "proxy/http/upgrade.h"

void
response_check_init(struct response_check *check, const struct request_head *r)
{
	struct str key;

	*check = (struct response_check){.upgrade = r->upgrade};
	check->is_websocket = str_equal(r->upgrade, UPGRADE_WEBSOCKET);
	if (check->is_websocket &&
	    (headers_find(&r->headers, HEADER_SEC_WEBSOCKET_KEY, &key) == 0 ||
	     !websocket_accept(key, check->accept)))
		check->upgrade = STR_NONE;
}

/* The server may only switch to the requested protocol (RFC 9110 section 7.8). */
static bool
check_switch(const struct response_check *check, const struct response_head *head, struct err *e)
{
	struct str accept;

	if (check->upgrade.len == 0 || !str_equal_nocase(head->upgrade, check->upgrade))
		return err_set(e, ERR_PROTOCOL, "unexpected status 101");
	if (check->is_websocket &&
	    (headers_find(&head->headers, HEADER_SEC_WEBSOCKET_ACCEPT, &accept) != 1 ||
	     !str_equal(accept, (struct str){check->accept, sizeof(check->accept)})))
		return err_set(e, ERR_PROTOCOL, "missing or wrong Sec-WebSocket-Accept");
	return true;
}

bool
response_check_head(struct response_check *check, const struct response_head *head, struct err *e)
{
	if (head->status < 200 && head->status != 101 &&
	    ++check->interim_count > RESPONSE_CHECK_INTERIM_MAX)
		return err_set(e, ERR_PROTOCOL, "too many interim responses");
	return head->status != 101 || check_switch(check, head, e);
}
