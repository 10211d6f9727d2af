/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which page sent a request. Origin and Sec-Fetch-* are trusted, because scripts can't set them.
 * Requests without Sec-Fetch-* never count as embedded.
 */
#include "auth/auth_origin.h"

#include "auth/gate/facts.h"
#include "auth/urls.h"

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
	return facts_is_get(facts) && !facts_has_header(facts, STR("x-requested-with")) &&
	       header_lists(facts, STR("accept"), STR("text/html"));
}

bool
auth_is_navigation(const struct auth_facts *facts)
{
	struct str mode;
	struct str dest;
	size_t modes = facts_header(facts, STR("sec-fetch-mode"), &mode);
	size_t dests = facts_header(facts, STR("sec-fetch-dest"), &dest);

	if (facts_has_header(facts, STR("upgrade")))
		return false;
	/* A prefetched page may never be shown; if it is, the browser navigates again. */
	if (header_lists(facts, STR("sec-purpose"), STR("prefetch")))
		return false;
	if (modes == 0 && dests == 0)
		return looks_like_navigation(facts);
	/* GitLab refuses to be framed, so users can't sign in within a frame: see auth_embedder. */
	return modes == 1 && str_equal(mode, STR("navigate")) &&
	       (dests == 0 || (dests == 1 && str_equal(dest, STR("document"))));
}

bool
auth_is_frame(const struct auth_facts *facts)
{
	return facts_header_is(facts, STR("sec-fetch-mode"), STR("navigate")) &&
	       (facts_header_is(facts, STR("sec-fetch-dest"), STR("iframe")) ||
		facts_header_is(facts, STR("sec-fetch-dest"), STR("frame"))) &&
	       !facts_has_header(facts, STR("upgrade"));
}

bool
auth_is_cross_site_subrequest(const struct auth_facts *facts)
{
	struct str site;
	size_t sites = facts_header(facts, STR("sec-fetch-site"), &site);

	if (sites == 0 || auth_is_navigation(facts))
		return false;
	return sites > 1 || !(str_equal(site, STR("same-origin")) || str_equal(site, STR("none")));
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
	if (origins == 1 && str_equal(sent, urls_own_origin(a, facts)))
		return true;
	/* A page that sends no referrer posts with "Origin: null". */
	return is_same_site && (origins == 0 || str_equal(sent, STR("null")));
}

bool
auth_is_own_origin(const struct auth *a, struct str origin)
{
	uint16_t port;

	return urls_find_port(a, origin, &port);
}

/* Whether the request is for an image, script, style sheet …, or a fetch in mode "no-cors". */
static bool
is_subresource(const struct auth_facts *facts)
{
	struct str value;

	return facts_header_is(facts, STR("sec-fetch-mode"), STR("no-cors")) &&
	       facts_header(facts, STR("sec-fetch-dest"), &value) == 1 &&
	       !facts_has_header(facts, STR("upgrade"));
}

static bool
is_of_same_site(const struct auth_facts *facts)
{
	return facts_header_is(facts, STR("sec-fetch-site"), STR("same-site")) ||
	       facts_header_is(facts, STR("sec-fetch-site"), STR("same-origin"));
}

/* Returns the origin of an https URL; empty for other URLs. */
static struct str
take_origin(struct str url)
{
	struct str scheme = STR("https://");
	size_t slash = str_find_byte(str_skip(url, scheme.len), '/');

	if (!str_starts_with(url, scheme) || slash == SIZE_MAX)
		return STR_NONE;
	return str_take(url, scheme.len + slash);
}

/* Returns the origin of the workspace's page that Referer names; empty: none. */
static struct str
find_page(const struct auth *a, const struct auth_facts *facts)
{
	struct str referer;
	struct str origin;

	if (facts_header(facts, STR("referer"), &referer) != 1)
		return STR_NONE;
	origin = take_origin(referer);
	return auth_is_own_origin(a, origin) ? origin : STR_NONE;
}

struct str
auth_embedder(const struct auth *a, const struct auth_facts *facts)
{
	if (!facts_is_get(facts) || !(auth_is_frame(facts) || is_subresource(facts)) ||
	    !is_of_same_site(facts))
		return STR_NONE;
	return find_page(a, facts);
}

static bool
is_cors(const struct auth *a, const struct auth_facts *facts)
{
	return facts_header_is(facts, STR("sec-fetch-mode"), STR("cors")) &&
	       is_of_same_site(facts) && !facts_has_header(facts, STR("upgrade")) &&
	       !str_is_empty(find_page(a, facts));
}

uint32_t
auth_find_cors_page(const struct auth *a, const struct auth_facts *facts)
{
	struct str origin;
	uint16_t port;

	if (facts->port == 0 || str_equal(facts->method, STR("OPTIONS")) || !is_cors(a, facts) ||
	    facts_header(facts, STR("origin"), &origin) != 1 || str_equal(origin, facts->origin) ||
	    !urls_find_port(a, origin, &port))
		return CORS_PAGE_NONE;
	return CORS_PAGE_OF(port);
}

bool
auth_is_handover_redirect(const struct auth *a, const struct auth_facts *facts)
{
	return facts_header_is(facts, STR("origin"), STR("null")) && is_cors(a, facts);
}

bool
auth_expects_return(const struct auth *a, const struct auth_facts *facts, struct str method)
{
	return auth_is_handover_redirect(a, facts) &&
	       cors_redirects_has(&a->cors_redirects, facts->port, method, facts->target);
}

struct str
auth_take_return(struct auth *a, const struct auth_facts *facts, const struct auth_verdict *v,
		 struct arena *arena)
{
	uint32_t page = CORS_PAGE_NONE;

	if (v->session != NULL && auth_is_handover_redirect(a, facts))
		page = cors_redirects_take(&a->cors_redirects, v->session, facts->port,
					   facts->method, facts->target);
	if (page == CORS_PAGE_NONE)
		return STR_NONE;
	if (page == CORS_PAGE_OF(0))
		return a->origin;
	return str_from(auth_port_origin(a, (uint16_t)(page - CORS_PAGE_OF(0)), arena));
}
