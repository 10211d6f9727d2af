/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cookies of one browser's pending logins: one for each login, named by a prefix and an id.
 * Their number is bounded; a new one replaces the oldest.
 *
 * An id is lower-case hexadecimal, of a fixed length, and increases with time, so that the oldest
 * cookie is found without decrypting any.
 */
#ifndef AUTH_COOKIE_FLOW_JAR_H
#define AUTH_COOKIE_FLOW_JAR_H

#include "auth/cookie/cookie.h"

#define FLOW_JAR_NAME_MAX 256u

struct flow_jar {
	const struct cookie_box *box; /* of the host that the cookies are for */
	struct str prefix;	      /* of the cookies' names */
	size_t id_len;
	size_t alive_max; /* maximum number of cookies in one browser */
};

/* Whether s is an id of this length. */
bool flow_jar_is_id(struct str s, size_t id_len);

/* Appends the name of the cookie with this id. */
bool flow_jar_name(const struct flow_jar *j, struct str id, struct buf *out) MUST_CHECK;

/* Add Set-Cookie values to the verdict: the cookie of a flow, and its removal. */
void flow_jar_set(const struct flow_jar *j, struct str name, struct str text, uint64_t max_age_s,
		  struct auth_verdict *v);
void flow_jar_clear(const struct flow_jar *j, struct str id, struct auth_verdict *v);

/* Removes the oldest cookies until there is room for one more, as far as one response can. */
void flow_jar_make_room(const struct flow_jar *j, const struct auth_facts *facts,
			struct auth_verdict *v);

/* Whether the browser sent the cookie of any flow. */
bool flow_jar_has_any(const struct flow_jar *j, const struct auth_facts *facts);

/* Iterates over the cookies with one id, up to a limit: other sites of the domain may have set
 * more. */
struct flow_jar_search {
	const struct flow_jar *jar;
	struct str id;
	struct cookie_scan scan;
	unsigned left;
};
void flow_jar_search_init(struct flow_jar_search *s, const struct flow_jar *j,
			  const struct auth_facts *facts, struct str id);
bool flow_jar_search_next(struct flow_jar_search *s, struct str *name, struct str *value);

#endif
