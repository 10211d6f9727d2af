/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides by headers that scripts can't set; requests without Sec-Fetch-* never count as embedded.
 */
#include "auth/login/embedding.h"

#include "auth/addresses.h"
#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/login/login_start.h"

static bool
has_value(const struct auth_facts *facts, struct str lower_name, struct str wanted)
{
	struct str value;

	return facts_header(facts, lower_name, &value) == 1 && str_equal(value, wanted);
}

/* Whether the request is for an image, script, style sheet …, or a fetch in mode "no-cors". */
static bool
is_subresource(const struct auth_facts *facts)
{
	struct str value;

	return has_value(facts, STR("sec-fetch-mode"), STR("no-cors")) &&
	       facts_header(facts, STR("sec-fetch-dest"), &value) == 1 &&
	       facts_header(facts, STR("upgrade"), &value) == 0;
}

static bool
is_of_same_site(const struct auth_facts *facts)
{
	return has_value(facts, STR("sec-fetch-site"), STR("same-site")) ||
	       has_value(facts, STR("sec-fetch-site"), STR("same-origin"));
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
	return addresses_are_ours(a, origin) ? origin : STR_NONE;
}

struct str
embedding_find(const struct auth *a, const struct auth_facts *facts)
{
	if (!facts_is_get(facts) || !(auth_is_frame(facts) || is_subresource(facts)) ||
	    !is_of_same_site(facts))
		return STR_NONE;
	return find_page(a, facts);
}

static bool
is_cors(const struct auth *a, const struct auth_facts *facts)
{
	struct str value;

	return has_value(facts, STR("sec-fetch-mode"), STR("cors")) && is_of_same_site(facts) &&
	       facts_header(facts, STR("upgrade"), &value) == 0 &&
	       !str_is_empty(find_page(a, facts));
}

uint32_t
embedding_find_cors(const struct auth *a, const struct auth_facts *facts)
{
	struct str origin;
	uint16_t port;

	if (facts->port == 0 || str_equal(facts->method, STR("OPTIONS")) || !is_cors(a, facts) ||
	    facts_header(facts, STR("origin"), &origin) != 1 || str_equal(origin, facts->origin) ||
	    !addresses_find_port(a, origin, &port))
		return CORS_PAGE_NONE;
	return CORS_PAGE_OF(port);
}

bool
embedding_is_handed_on(const struct auth *a, const struct auth_facts *facts)
{
	return has_value(facts, STR("origin"), STR("null")) && is_cors(a, facts);
}

void
embedding_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	char target[FLOW_TARGET_MAX + 1];

	verdict_refuse(a, v, AUTH_PROBLEM_LOGIN_REQUIRED, NULL);
	if (!auth_is_frame(facts) || !facts_is_get(facts))
		return;
	login_start_take_target(a, facts, target);
	v->location = login_start_url(a, str_from(target), facts->client, &v->arena);
}
