/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the facts of a request: single headers and query parameters.
 */
#ifndef AUTH_GATE_FACTS_H
#define AUTH_GATE_FACTS_H

#include "auth/auth.h"

/* Returns how often the header occurs, at most 2; *value is the first one, trimmed. */
size_t facts_header(const struct auth_facts *facts, struct str lower_name, struct str *value);
/* Whether there is exactly one such header, with this value. */
bool facts_header_is(const struct auth_facts *facts, struct str lower_name, struct str wanted);
bool facts_has_header(const struct auth_facts *facts, struct str lower_name);
bool facts_is_get(const struct auth_facts *facts); /* GET or HEAD */
struct str facts_query(const struct auth_facts *facts);

/* Appends the decoded value of a query parameter; nothing when it is missing. False, with a
 * sentence in *detail: it is repeated, empty, malformed or too long for the buffer. */
bool facts_parameter(const struct auth_facts *facts, struct str name, struct buf *value,
		     const char **detail) MUST_CHECK;

/* Reads an authorization response (RFC 6749 section 4.1.2): a state, and either a code or an error.
 * Returns NULL, or a sentence that says what is wrong. */
const char *facts_read_answer(const struct auth_facts *facts, struct buf *state, struct buf *code,
			      struct buf *error);

#endif
