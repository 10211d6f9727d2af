/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed by auth/cookie/cookie, whose associated data names the purpose, the workspace and the key.
 */
#include "auth/broker/wrapped_token.h"

#include "base/record.h"

#define PLAIN_MAX (8 + 8 + 2 + WRAPPED_TOKEN_MAX)

static const char purpose[] = "relay refresh token";

bool
wrapped_token_keys(struct cookie_box *box, const struct auth_keys *masters, struct err *e)
{
	return cookie_box_init(box, masters, STR("workspace-proxy relay refresh tokens 1"), e);
}

bool
wrapped_token_write(const struct wrapped_token *r, const struct cookie_box *box,
		    struct str authority, struct buf *out, struct err *e)
{
	const struct cookie_use use = {purpose, authority};
	struct buf plain;
	bool ok;

	buf_init(&plain, PLAIN_MAX);
	ok = buf_reserve(&plain, PLAIN_MAX) || err_set(e, ERR_MEMORY, "refresh token");
	record_write_number(&plain, r->user_id, 8);
	record_write_number(&plain, (uint64_t)r->login_ms, 8);
	record_write_text(&plain, r->token, 2);
	if (ok && !buf_is_ok(&plain))
		ok = err_set(e, ERR_LIMIT, "refresh token is too long");
	ok = ok && cookie_seal(box, &use, buf_view(&plain), out, e);
	buf_wipe_fini(&plain);
	return ok;
}

bool
wrapped_token_read(struct wrapped_token *r, struct str text, const struct cookie_box *box,
		   struct str authority, struct buf *memory)
{
	const struct cookie_use use = {purpose, authority};
	struct record_reader reader;

	if (!buf_reserve(memory, COOKIE_TEXT_MAX) || !cookie_open(box, &use, text, memory))
		return false;
	reader = (struct record_reader){buf_view(memory), true};
	r->user_id = record_read_number(&reader, 8);
	r->login_ms = (int64_t)(record_read_number(&reader, 8) & INT64_MAX);
	r->token = record_read_text(&reader, 2, WRAPPED_TOKEN_MAX);
	return reader.ok && reader.rest.len == 0;
}
