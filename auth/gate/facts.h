/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the facts of a request: single headers, query parameters, and what its headers say about
 * the page that sent it.
 */
#ifndef AUTH_GATE_FACTS_H
#define AUTH_GATE_FACTS_H

#include "auth/auth.h"

/* How often the header occurs, counted up to 2; *value is the first one, trimmed. */
size_t facts_header(const struct auth_facts *facts, struct str lower_name, struct str *value);
bool facts_is_get(const struct auth_facts *facts); /* GET or HEAD */
struct str facts_query(const struct auth_facts *facts);

/* Appends the decoded query parameter of this name; nothing when there is none. False, with a
 * sentence in *detail, when it is repeated, empty, malformed or longer than the buffer takes. */
bool facts_parameter(const struct auth_facts *facts, struct str name, struct buf *value,
		     const char **detail) MUST_CHECK;

/* Reads an authorization response (RFC 6749 section 4.1.2): a state, and either a code or an error.
 * NULL, or a sentence that says what is wrong. */
const char *facts_read_answer(const struct auth_facts *facts, struct buf *state, struct buf *code,
			      struct buf *error);

/* See auth_is_navigation. */
bool facts_is_navigation(const struct auth_facts *facts);

/* See auth_is_frame. */
bool facts_is_frame(const struct auth_facts *facts);

/* Whether a page of this origin sent the request, by Origin and Sec-Fetch-Site. */
bool facts_is_same_origin(const struct auth_facts *facts, struct str origin);

/* Whether another site embeds or fetches this, rather than a person following a link. */
bool facts_is_cross_site_subrequest(const struct auth_facts *facts);

#endif
