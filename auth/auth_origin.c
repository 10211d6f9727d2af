/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page sent a request. Origin and Sec-Fetch-* are trusted, because scripts can't set them.
 */
#include "auth/auth_origin.h"

#include "auth/addresses.h"
#include "auth/gate/facts.h"
#include "auth/login/embedding.h"

/* Whether a comma-separated header contains the token. Ignores parameters. */
static bool
header_lists(const struct auth_facts *facts, struct str lower_name, struct str token)
{
	for (size_t i = 0; i < 4; i++) {
		struct str rest = facts->header(facts->header_arg, lower_name, i);
		struct str part;

		while (rest.data != NULL && str_next(&rest, ',', &part)) {
			part = str_trim(str_take(part, str_find_byte(part, ';')));
			if (str_equal_nocase(part, token))
				return true;
		}
	}
	return false;
}

/* For older browsers and plain http origins, which send no Sec-Fetch-*. */
static bool
looks_like_navigation(const struct auth_facts *facts)
{
	struct str value;

	return facts_is_get(facts) && facts_header(facts, STR("x-requested-with"), &value) == 0 &&
	       header_lists(facts, STR("accept"), STR("text/html"));
}

bool
auth_is_navigation(const struct auth_facts *facts)
{
	struct str mode;
	struct str dest;
	struct str value;
	size_t modes = facts_header(facts, STR("sec-fetch-mode"), &mode);
	size_t dests = facts_header(facts, STR("sec-fetch-dest"), &dest);

	if (facts_header(facts, STR("upgrade"), &value) > 0)
		return false;
	/* A prefetched page may never be shown; if it is, the browser navigates again. */
	if (header_lists(facts, STR("sec-purpose"), STR("prefetch")))
		return false;
	if (modes == 0 && dests == 0)
		return looks_like_navigation(facts);
	/* GitLab refuses to be framed, so users can't sign in within a frame: see embedding.h. */
	return modes == 1 && str_equal(mode, STR("navigate")) &&
	       (dests == 0 || (dests == 1 && str_equal(dest, STR("document"))));
}

bool
auth_is_frame(const struct auth_facts *facts)
{
	struct str mode;
	struct str dest;
	struct str value;

	return facts_header(facts, STR("sec-fetch-mode"), &mode) == 1 &&
	       str_equal(mode, STR("navigate")) &&
	       facts_header(facts, STR("sec-fetch-dest"), &dest) == 1 &&
	       (str_equal(dest, STR("iframe")) || str_equal(dest, STR("frame"))) &&
	       facts_header(facts, STR("upgrade"), &value) == 0;
}

bool
auth_is_same_origin(const struct auth *a, const struct auth_facts *facts)
{
	struct str sent;
	struct str site;
	size_t origins = facts_header(facts, STR("origin"), &sent);
	size_t sites = facts_header(facts, STR("sec-fetch-site"), &site);
	bool is_same_site = sites == 1 && str_equal(site, STR("same-origin"));

	if (origins > 1 || (sites > 0 && !is_same_site))
		return false;
	if (origins == 1 && str_equal(sent, addresses_own_origin(a, facts)))
		return true;
	/* A page that sends no referrer posts with "Origin: null". */
	return is_same_site && (origins == 0 || str_equal(sent, STR("null")));
}

struct str
auth_embedder(const struct auth *a, const struct auth_facts *facts)
{
	return embedding_find(a, facts);
}

bool
auth_is_handed_on(const struct auth *a, const struct auth_facts *facts)
{
	return embedding_is_handed_on(a, facts);
}

bool
auth_expects_return(const struct auth *a, const struct auth_facts *facts, struct str method)
{
	return embedding_is_handed_on(a, facts) &&
	       cors_returns_has(&a->cors_returns, facts->port, method, facts->target);
}

struct str
auth_take_return(struct auth *a, const struct auth_facts *facts, const struct auth_verdict *v,
		 struct arena *arena)
{
	uint32_t page = CORS_PAGE_NONE;

	if (v->session != NULL && embedding_is_handed_on(a, facts))
		page = cors_returns_take(&a->cors_returns, v->session, facts->port, facts->method,
					 facts->target);
	if (page == CORS_PAGE_NONE)
		return STR_NONE;
	if (page == CORS_PAGE_OF(0))
		return a->origin;
	return str_from(addresses_port_origin(a, (uint16_t)(page - CORS_PAGE_OF(0)), arena));
}

bool
auth_is_own_origin(const struct auth *a, struct str origin)
{
	return addresses_are_ours(a, origin);
}
