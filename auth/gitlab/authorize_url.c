/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats the authorization request; every value is percent-encoded.
 */
#include "auth/gitlab/authorize_url.h"

#include "base/url.h"

static void
add_parameter(struct buf *url, const char *name, struct str value)
{
	buf_add_str(url, str_from(name));
	(void)url_encode(url, value);
}

const char *
authorize_url_format(const struct authorize_request *q, struct arena *arena)
{
	const char *location = NULL;
	struct buf url;

	buf_init(&url, URL_MAX_BYTES);
	buf_add_str(&url, q->endpoint);
	add_parameter(&url, "?response_type=code&client_id=", q->client_id);
	add_parameter(&url, "&redirect_uri=", q->redirect_uri);
	add_parameter(&url, "&scope=", q->scope);
	add_parameter(&url, "&state=", q->state);
	add_parameter(&url, "&nonce=", q->nonce);
	add_parameter(&url, "&code_challenge_method=S256&code_challenge=", q->challenge);
	if (buf_is_ok(&url))
		location = arena_dup(arena, buf_view(&url));
	buf_fini(&url);
	return location;
}
