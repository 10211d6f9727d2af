/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syntax checks of field values, and of comma-separated lists (RFC 9110 section 5.6) in hop-by-hop
 * fields, which are not forwarded: what the proxy discards is checked all the same, so that no
 * other recipient in the chain reads it differently.
 */
#ifndef PROXY_HTTP_FIELD_LIST_H
#define PROXY_HTTP_FIELD_LIST_H

#include "proxy/http/headers.h"

/* Returns the length of the prefix that is valid in a field value: visible characters, SP, HTAB and
 * obs-text, but no other control characters (RFC 9110 section 5.5). */
size_t field_value_run(struct str s);

/* Returns the length of the token at the start of s. */
static inline size_t
field_token_run(struct str s)
{
	size_t n = 0;

	while (n < s.len && header_is_token_char((unsigned char)s.data[n]))
		n++;
	return n;
}

/* What may follow the token that each element begins with. */
enum field_list_syntax {
	FIELD_LIST_TOKEN = 1u,	    /* nothing: Connection, Trailer */
	FIELD_LIST_VERSION = 2u,    /* "/" token: Upgrade */
	FIELD_LIST_VALUE = 4u,	    /* "=" and a token or quoted string: Keep-Alive */
	FIELD_LIST_PARAMETERS = 8u, /* ";" name "=" value, repeated: TE */
};

/* Checks the syntax of a list. syntax: a set of enum field_list_syntax. Allows empty elements. */
bool field_list_is_valid(struct str value, unsigned syntax);

/* Checks the hop-by-hop fields of a message; in responses only those that the proxy uses. */
bool field_list_check(const struct headers *headers, bool in_request, struct err *e) MUST_CHECK;

/* Checks that request fields with one value (Authorization, Content-Type, Origin …) are not
 * repeated, in any spelling. */
bool field_list_check_single(const struct headers *headers, struct err *e) MUST_CHECK;

#endif
