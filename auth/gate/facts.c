/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads request facts: headers, query parameters, and whether a navigation, our own page or another
 * site sent the request. Headers that scripts can't set (Origin, Sec-Fetch-*) are trusted; nothing
 * here reads X-Forwarded-* or Host.
 */
#include "auth/gate/facts.h"

size_t
facts_header(const struct auth_facts *facts, struct str lower_name, struct str *value)
{
	struct str first = facts->header(facts->header_arg, lower_name, 0);

	*value = str_trim(first);
	if (first.data == NULL)
		return 0;
	return facts->header(facts->header_arg, lower_name, 1).data == NULL ? 1 : 2;
}

bool
facts_is_get(const struct auth_facts *facts)
{
	return str_equal(facts->method, STR("GET")) || str_equal(facts->method, STR("HEAD"));
}

struct str
facts_query(const struct auth_facts *facts)
{
	size_t mark = str_find_byte(facts->target, '?');

	return mark == SIZE_MAX ? STR_NONE : str_skip(facts->target, mark + 1);
}

bool
facts_parameter(const struct auth_facts *facts, struct str name, struct buf *value,
		const char **detail)
{
	struct str raw = STR_NONE;
	size_t count = url_query_find(facts_query(facts), name, &raw);

	*detail = NULL;
	if (count > 1)
		*detail = "A parameter is repeated.";
	else if (count == 1 && (!url_decode(value, raw, true) || value->len == 0))
		*detail = "A parameter is malformed.";
	return *detail == NULL;
}

const char *
facts_read_answer(const struct auth_facts *facts, struct buf *state, struct buf *code,
		  struct buf *error)
{
	const char *detail = NULL;

	if (!facts_parameter(facts, STR("state"), state, &detail) ||
	    !facts_parameter(facts, STR("code"), code, &detail) ||
	    !facts_parameter(facts, STR("error"), error, &detail))
		return detail;
	if (state->len == 0)
		return "The parameter \"state\" is missing.";
	if ((code->len == 0) == (error->len == 0))
		return "There must be either a \"code\" or an \"error\".";
	return NULL;
}

/* Whether a comma-separated header contains the token; parameters are ignored. */
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

/* Older browsers and plain http origins send no Sec-Fetch-*. */
static bool
looks_like_navigation(const struct auth_facts *facts)
{
	struct str value;

	return facts_is_get(facts) && facts_header(facts, STR("x-requested-with"), &value) == 0 &&
	       header_lists(facts, STR("accept"), STR("text/html"));
}

bool
facts_is_navigation(const struct auth_facts *facts)
{
	struct str mode;
	struct str dest;
	struct str value;
	size_t modes = facts_header(facts, STR("sec-fetch-mode"), &mode);
	size_t dests = facts_header(facts, STR("sec-fetch-dest"), &dest);

	if (facts_header(facts, STR("upgrade"), &value) > 0)
		return false;
	/* A prefetch may never be looked at; the navigation itself comes later. */
	if (header_lists(facts, STR("sec-purpose"), STR("prefetch")))
		return false;
	if (modes == 0 && dests == 0)
		return looks_like_navigation(facts);
	/* GitLab refuses to be framed, so a login can't happen in a frame: see embedding.h. */
	return modes == 1 && str_equal(mode, STR("navigate")) &&
	       (dests == 0 || (dests == 1 && str_equal(dest, STR("document"))));
}

bool
facts_is_frame(const struct auth_facts *facts)
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
facts_is_same_origin(const struct auth_facts *facts, struct str origin)
{
	struct str sent;
	struct str site;
	size_t origins = facts_header(facts, STR("origin"), &sent);
	size_t sites = facts_header(facts, STR("sec-fetch-site"), &site);
	bool is_same_site = sites == 1 && str_equal(site, STR("same-origin"));

	if (origins > 1 || (sites > 0 && !is_same_site))
		return false;
	if (origins == 1 && str_equal(sent, origin))
		return true;
	/* A page that sends no referrer posts with "Origin: null". */
	return is_same_site && (origins == 0 || str_equal(sent, STR("null")));
}

bool
facts_is_cross_site_subrequest(const struct auth_facts *facts)
{
	struct str site;
	size_t sites = facts_header(facts, STR("sec-fetch-site"), &site);

	if (sites == 0 || facts_is_navigation(facts))
		return false;
	return sites > 1 || !(str_equal(site, STR("same-origin")) || str_equal(site, STR("none")));
}
