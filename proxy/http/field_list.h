/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syntax checks of field values, and of comma-separated lists (RFC 9110 section 5.6) in hop-by-hop
 * fields, which are not forwarded: what the proxy discards is checked all the same, so that no
 * other recipient in the chain reads it differently.
 */
#ifndef PROXY_HTTP_FIELD_LIST_H
#define PROXY_HTTP_FIELD_LIST_H

#include "proxy/http/headers.h"

/* Length of the prefix that a field value may have: visible characters, SP, HTAB and obs-text, but
 * no other control character (RFC 9110 section 5.5). */
size_t field_value_run(struct str s);

/* What may follow the token that each element begins with. */
enum field_list_syntax {
	FIELD_LIST_TOKEN = 1u,	    /* nothing: Connection, Trailer */
	FIELD_LIST_VERSION = 2u,    /* "/" token: Upgrade */
	FIELD_LIST_VALUE = 4u,	    /* "=" and a token or quoted string: Keep-Alive */
	FIELD_LIST_PARAMETERS = 8u, /* ";" name "=" value, repeated: TE */
};

/* syntax is a set of the above. Empty elements are allowed. */
bool field_list_is_valid(struct str value, unsigned syntax);

/* Checks the hop-by-hop fields of a message; those of responses only where the proxy acts on them.
 */
bool field_list_check(const struct headers *headers, bool in_request, struct err *e) MUST_CHECK;

/* Whether fields of a request that have one value (Authorization, Content-Type, Origin …) are there
 * at most once, in any spelling. */
bool field_list_check_single(const struct headers *headers, struct err *e) MUST_CHECK;

#endif
